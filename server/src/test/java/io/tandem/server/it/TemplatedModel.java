package io.tandem.server.it;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** The sample model with chat templates in the style of others. */
final class TemplatedModel {
    private static final JsonMapper JSON = new JsonMapper();

    private TemplatedModel() {}

    /** Writes the model under a directory, where it is called {@code sample}. */
    static Path write(Path directory, String template) throws IOException {
        Path sample = Path.of("../config/models/sample");
        Path model = Files.createDirectory(directory.resolve("sample"));
        try (Stream<Path> files = Files.list(sample)) {
            for (Path file : files.toList()) {
                Files.copy(file, model.resolve(file.getFileName()));
            }
        }
        ObjectNode config = (ObjectNode)
                JSON.readTree(model.resolve("tokenizer_config.json").toFile());
        config.put("chat_template", template);
        JSON.writeValue(model.resolve("tokenizer_config.json").toFile(), config);
        return model;
    }

    /** @param words by which the server recognises how the model calls tools */
    static String tools(String words) {
        return "{% if tools %}<|system|>{% for t in tools %}{{ t.function.name }} {{ t.function.description }}{% endfor %}"
                + words
                + "<|end|>{% endif %}{% for message in messages %}"
                + "<|{{ message.role }}|>{{ message.content }}{% for call in message.tool_calls or [] %}"
                + "{{ call.function.name }}({{ call.function.arguments.city }}){% endfor %}<|end|>{% endfor %}"
                + "{% if add_generation_prompt %}<|assistant|>{% endif %}";
    }
}
