package io.tandem.loadtest.templates;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatParams;
import io.tandem.server.api.JsonBody;
import io.tandem.server.dataset.Dataset;
import io.tandem.server.dataset.DatasetReader;
import io.tandem.server.dataset.InvalidDataset;
import io.tandem.server.dataset.TextRules;
import io.tandem.server.text.ModelText;
import io.tandem.server.text.ServedModel;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Whether a chat is trained with the tokens that it is served with: what comes before its last answer has to be the
 * tokens of the request that asks for that answer. Only a template's own tokenizer tells, as others do not have its special
 * tokens and join what stands on their two sides.
 */
final class TrainedTokens {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final int CONTEXT = 1 << 15;

    private final References references;
    private final Path directory;
    /** Of the template that came last; all its pairs come one after the other. */
    private Optional<ServedModel> last = Optional.empty();

    /** @param directory for models' files */
    TrainedTokens(References references, Path directory) {
        this.references = references;
        this.directory = directory;
    }

    /** Whether a pair has a tokenizer and is a whole conversation, of which the assistant's last message is the answer. */
    boolean applies(Pair pair) {
        List<?> messages = (List<?>) pair.variables().getOrDefault("messages", List.of());
        boolean answered = !messages.isEmpty()
                && messages.get(messages.size() - 1) instanceof Map<?, ?> last
                && "assistant".equals(last.get("role"));
        return answered
                && Files.exists(references.tokenizer(pair.template()))
                && Boolean.FALSE.equals(pair.variables().get("add_generation_prompt"));
    }

    /** Of training and of serving the tokens before the last answer, or why there are none. */
    record Prompts(Outcome trained, Outcome served) {}

    Prompts of(Pair pair) throws IOException {
        ServedModel model = model(pair);
        ObjectNode chat = JSON.createObjectNode();
        chat.set("messages", JSON.valueToTree(pair.variables().get("messages")));
        if (pair.variables().get("tools") != null) {
            chat.set("tools", JSON.valueToTree(pair.variables().get("tools")));
        }
        DatasetReader.Result read = new DatasetReader(model, CONTEXT, TextRules.DEFAULT, Set.of())
                .read(new ByteArrayInputStream(JSON.writeValueAsBytes(chat)));
        if (read instanceof InvalidDataset invalid) {
            Outcome refused = new Outcome(null, invalid.reasons().get(0));
            return new Prompts(refused, refused);
        }
        List<Dataset.Example> examples = ((Dataset.Supervised) read).examples();
        int[] trained = beforeLastAnswer(examples.get(examples.size() - 1).sequence());
        return new Prompts(outcome(trained), served(model, chat));
    }

    private static Outcome served(ServedModel model, ObjectNode chat) {
        ObjectNode request = chat.deepCopy().put("model", model.name());
        ArrayNode messages = request.withArray("messages");
        messages.remove(messages.size() - 1);
        try {
            ChatParams params = ChatParams.read(JsonBody.of(request), model.bounds());
            String text = model.template().render(params.messages(), params.rendering());
            return outcome(model.tokenizer().encode(text, true));
        } catch (ApiException e) {
            return new Outcome(null, e.getMessage());
        }
    }

    private static int[] beforeLastAnswer(Sequence sequence) {
        int start = sequence.labels().length - 1;
        while (start > 0 && sequence.labels()[start] == TrainingPack.IGNORED) {
            start--;
        }
        while (start > 0 && sequence.labels()[start - 1] != TrainingPack.IGNORED) {
            start--;
        }
        return Arrays.copyOf(sequence.tokens(), start + 1);
    }

    private static Outcome outcome(int[] tokens) {
        return new Outcome(Arrays.toString(tokens), null);
    }

    /** The template of a pair on top of a tokenizer and a configuration that fits it. */
    private ServedModel model(Pair pair) throws IOException {
        Optional<ServedModel> known =
                last.filter(model -> model.template().source().equals(pair.source()));
        if (known.isPresent()) {
            return known.get();
        }
        Path tokenizer = references.tokenizer(pair.template());
        Path files = Files.createDirectories(directory.resolve("model"));
        for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.write(files.resolve(name), Files.readAllBytes(tokenizer.resolve(name)));
        }
        Files.writeString(files.resolve("chat_template.jinja"), pair.source());
        ObjectNode config = JSON.createObjectNode();
        config.putArray("architectures").add("LlamaForCausalLM");
        config.put("model_type", "llama").put("vocab_size", 1 << 18).put("max_position_embeddings", CONTEXT);
        config.put("hidden_size", 16).put("intermediate_size", 16).put("num_hidden_layers", 1);
        config.put("num_attention_heads", 1).put("num_key_value_heads", 1).put("rms_norm_eps", 1e-5);
        JSON.writeValue(files.resolve("config.json").toFile(), config);
        ModelFiles source = ModelSource.open(files);
        ServedModel made = ModelText.load(source, pair.template(), ModelConfigReader.read(source.config()), CONTEXT);
        last = Optional.of(made);
        return made;
    }
}
