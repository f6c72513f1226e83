package io.tandem.server.finetune.search;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What one trial is trained with.
 *
 * @param values hyperparameters of a job, those that are searched
 */
public record Configuration(ObjectNode values) {
    static final String METHOD = "peft";
    static final String RANK = "rank";
    static final String TARGETS = "target_modules";
    static final String LAYERS = "layers";
    static final String LEARNS = "learns";
    static final String RATE = "learning_rate";

    /** Columns of a table of configurations. */
    static final List<String> FIELDS = List.of(METHOD, RANK, TARGETS, LAYERS, LEARNS, RATE);

    /** A value as people read it; empty if the configuration has none. */
    String text(String field) {
        JsonNode value = values.path(field);
        List<String> parts = new ArrayList<>();
        if (value.isObject()) {
            value.properties()
                    .forEach(part -> parts.add(
                            part.getValue().isTextual()
                                    ? part.getValue().textValue()
                                    : part.getKey() + "=" + part.getValue().asText()));
            return String.join(" ", parts);
        }
        if (value.isArray()) {
            value.forEach(part -> parts.add(part.asText()));
            return String.join("+", parts);
        }
        return value.asText("");
    }

    /** As in {@code peft=dora, rank=8, learning_rate=0.002}. */
    @Override
    public String toString() {
        List<String> parts = new ArrayList<>();
        for (Map.Entry<String, JsonNode> value : values.properties()) {
            parts.add(value.getKey() + "=" + text(value.getKey()));
        }
        return String.join(", ", parts);
    }
}
