package io.tandem.kernels.adapter.peft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsFile;
import java.util.List;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/** Prompt tuning in PEFT's layout: the embeddings of the virtual tokens are the only tensor. */
final class PromptFiles {
    static final String TYPE = "PROMPT_TUNING";

    private static final int MAX_TOKENS = 1 << 20;

    private PromptFiles() {}

    /**
     * @param json the configuration
     * @param most virtual tokens that an adapter may have
     * @throws ModelFormatException if something does not fit
     */
    static Adapter read(JsonFields json, SafetensorsFile file, ModelConfig model, int most) {
        int width = model.hidden();
        int tokens = tokens(json, most);
        if (json.integer("token_dim", 1, Integer.MAX_VALUE, width) != width) {
            throw json.refuse("token_dim", "the model's " + width);
        }
        float[] embeddings = embeddings(file, TYPE, tokens, width);
        String baseModel = PeftConfig.baseModel(json);
        return new Adapter(new PromptConfig(tokens, baseModel), Prompt.of(tokens, width, embeddings));
    }

    /** How many virtual tokens a decoder gets. */
    static int tokens(JsonFields json, int most) {
        int tokens = json.integer("num_virtual_tokens", 1, MAX_TOKENS);
        if (tokens > most) {
            throw new ModelFormatException(
                    "it has " + tokens + " virtual tokens, at most " + most + " are possible (kernels.max-rank)");
        }
        if (json.integer("num_transformer_submodules", 1, 2, 1) != 1) {
            throw json.refuse("num_transformer_submodules", "1: the model is a decoder");
        }
        return tokens;
    }

    /** The numbers of virtual tokens, [tokens, width]. */
    static float[] embeddings(SafetensorsFile file, String type, int tokens, int width) {
        for (String name : file.names()) {
            if (!name.equals(Prefix.EMBEDDINGS)) {
                String shown = name.length() <= 200 ? name : name.substring(0, 200) + "…";
                throw new ModelFormatException(shown + " is not " + Prefix.EMBEDDINGS + ", the only tensor of " + type);
            }
        }
        return FiniteTensor.read(file, Prefix.EMBEDDINGS, tokens, width);
    }

    /** The keys that PEFT 0.17 writes; those of the model's shape it fills in when it loads them. */
    static SortedMap<String, @Nullable Object> fields(String baseModel, Prompt prompt) {
        SortedMap<String, @Nullable Object> fields = PeftConfig.fields(TYPE, baseModel);
        for (String key : List.of(
                "auto_mapping",
                "num_attention_heads",
                "num_layers",
                "prompt_tuning_init_text",
                "revision",
                "tokenizer_kwargs",
                "tokenizer_name_or_path")) {
            fields.put(key, null);
        }
        fields.put("inference_mode", true);
        fields.put("num_transformer_submodules", 1);
        fields.put("num_virtual_tokens", prompt.tokens());
        fields.put("prompt_tuning_init", "RANDOM");
        fields.put("task_type", "CAUSAL_LM");
        fields.put("token_dim", prompt.width());
        return fields;
    }
}
