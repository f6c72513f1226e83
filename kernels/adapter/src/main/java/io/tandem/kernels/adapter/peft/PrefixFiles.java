package io.tandem.kernels.adapter.peft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsFile;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/**
 * Prefix tuning in PEFT's layout: a row for each virtual token, with keys and values of all layers as they go into the
 * cache. PEFT counts heads of keys where queries have more (since 0.12), and saves what a projection makes of its inputs
 * instead of the projection.
 */
final class PrefixFiles {
    static final String TYPE = "PREFIX_TUNING";

    private PrefixFiles() {}

    /**
     * @param json the configuration; what it leaves open is the model's
     * @param most virtual tokens that an adapter may have
     * @throws ModelFormatException if something does not fit
     */
    static Adapter read(JsonFields json, SafetensorsFile file, ModelConfig model, int most) {
        int tokens = PromptFiles.tokens(json, most);
        int keys = model.kvHeads() * model.headDim();
        require(json, "num_layers", model.layers(), "layers");
        require(json, "num_attention_heads", model.kvHeads(), "heads of keys");
        require(json, "token_dim", keys, "numbers of a token's keys in a layer");
        float[] values = PromptFiles.embeddings(file, TYPE, tokens, KeysAndValues.width(model));
        return new Adapter(
                new PrefixConfig(tokens, PeftConfig.baseModel(json)), KeysAndValues.of(model, tokens, values));
    }

    private static void require(JsonFields json, String key, int expected, String what) {
        if (json.integer(key, 1, Integer.MAX_VALUE, expected) != expected) {
            throw json.refuse(key, "the model's " + expected + " " + what);
        }
    }

    /** The keys that PEFT 0.17 writes. */
    static SortedMap<String, @Nullable Object> fields(String baseModel, KeysAndValues prefix) {
        int width = prefix.heads() * prefix.headDim();
        SortedMap<String, @Nullable Object> fields = PeftConfig.fields(TYPE, baseModel);
        fields.put("auto_mapping", null);
        fields.put("encoder_hidden_size", width);
        fields.put("inference_mode", true);
        fields.put("num_attention_heads", prefix.heads());
        fields.put("num_layers", prefix.layers());
        fields.put("num_transformer_submodules", 1);
        fields.put("num_virtual_tokens", prefix.tokens());
        fields.put("prefix_projection", false);
        fields.put("revision", null);
        fields.put("task_type", "CAUSAL_LM");
        fields.put("token_dim", width);
        return fields;
    }
}
