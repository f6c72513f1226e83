package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Objects;

/**
 * What routes take and answer, as it is written in {@code openapi/*.yaml}: one file for each group of routes, in the terms
 * of OpenAPI. The fields of requests for text are not there; they are those of {@link RequestFields}.
 *
 * @param tags the groups
 * @param paths OpenAPI's object of that name
 * @param components the same
 */
record Description(ArrayNode tags, ObjectNode paths, ObjectNode components) {
    private static final List<String> GROUPS = List.of(
            "text", "vectors", "tokens", "models", "files", "jobs", "batches", "adapters", "organization", "server");
    private static final List<String> COMPONENTS = List.of("schemas", "responses", "parameters", "headers");

    static Description read() {
        Description all = new Description(
                JsonBody.MAPPER.createArrayNode(),
                JsonBody.MAPPER.createObjectNode(),
                JsonBody.MAPPER.createObjectNode());
        Files.PARSED.forEach(file -> all.add(file.deepCopy()));
        return all;
    }

    /** Parsed once, though each event loop makes a document of them. */
    private static final class Files {
        private static final YAMLMapper MAPPER = new YAMLMapper();
        private static final List<JsonNode> PARSED = GROUPS.stream()
                .map(group -> parse("openapi/" + group + ".yaml"))
                .toList();

        private static JsonNode parse(String file) {
            try (InputStream in = Objects.requireNonNull(Description.class.getResourceAsStream(file), file)) {
                return MAPPER.readTree(in);
            } catch (IOException e) {
                throw new UncheckedIOException(file, e);
            }
        }
    }

    private void add(JsonNode file) {
        JsonNode tag = file.path("tag");
        tags.add(tag);
        file.path("paths").properties().forEach(path -> {
            for (JsonNode part : path.getValue()) {
                if (part instanceof ObjectNode operation) {
                    operation.putArray("tags").add(tag.path("name"));
                }
            }
            paths.set(path.getKey(), path.getValue());
        });
        for (String kind : COMPONENTS) {
            if (file.path(kind) instanceof ObjectNode named) {
                components.withObjectProperty(kind).setAll(named);
            }
        }
    }
}
