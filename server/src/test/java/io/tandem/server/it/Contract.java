package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.Error;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What a server says of itself in {@code /openapi.json}, held against what it does: bodies that it takes are those that it
 * describes, and answers have what is described and nothing else.
 */
final class Contract {
    private static final JsonMapper JSON = new JsonMapper();
    private static final SchemaRegistry REGISTRY =
            SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);

    private final JsonNode document;
    private final JsonNode strict;
    private final Map<String, Schema> schemas = new ConcurrentHashMap<>();

    Contract(JsonNode document) {
        this.document = document;
        this.strict = document.deepCopy();
        close(strict);
    }

    /** Clients have to live with new fields; tests are told of them. */
    private static void close(JsonNode schema) {
        if (schema instanceof ObjectNode object
                && object.path("properties").isObject()
                && !object.has("additionalProperties")) {
            object.put("additionalProperties", false);
        }
        schema.forEach(Contract::close);
    }

    JsonNode document() {
        return document;
    }

    /** @param target path and query */
    void check(String method, String target, String body, int status, String type, String answer) throws IOException {
        String path = path(target.split("[?#]", 2)[0]);
        JsonNode operation = document.path("paths").path(path).path(method.toLowerCase(Locale.ROOT));
        if (operation.isMissingNode()) {
            assertThat(status).as(method + " " + target).isIn(400, 401, 403, 404, 405);
            return;
        }
        String place = "/paths/" + escaped(path) + "/" + method.toLowerCase(Locale.ROOT);
        if (status < 300 && operation.at("/requestBody/content").has("application/json") && body.startsWith("{")) {
            String schema = place + "/requestBody/content/application~1json/schema";
            assertThat(errors(document, schema, body))
                    .as(method + " " + target + " " + body)
                    .isEmpty();
        }
        String key = operation.path("responses").has("" + status) ? "" + status : "default";
        assertThat(status >= 400 || !key.equals("default"))
                .as("%s %s: %d is not described", method, target, status)
                .isTrue();
        JsonNode response = operation.path("responses").path(key);
        String shown = place + "/responses/" + key;
        if (response.has("$ref")) {
            shown = response.path("$ref").asText().substring(1);
            response = document.at(shown);
        }
        String media = type.split(";", 2)[0];
        if (answer.isEmpty()) {
            return;
        }
        assertThat(response.path("content").has(media))
                .as("%s %s %d: %s is not described", method, target, status, media)
                .isTrue();
        String schema = shown + "/content/" + escaped(media) + "/schema";
        if (media.equals("application/json")) {
            assertThat(errors(strict, schema, answer))
                    .as(method + " " + target + " " + answer)
                    .isEmpty();
        } else if (media.equals("text/event-stream")) {
            for (String line :
                    answer.lines().filter(line -> line.startsWith("data: {")).toList()) {
                if (!line.startsWith("data: {\"error\"")) {
                    assertThat(errors(strict, schema, line.substring("data: ".length())))
                            .as(line)
                            .isEmpty();
                }
            }
        }
    }

    private List<Error> errors(JsonNode whole, String pointer, String instance) throws IOException {
        Schema schema = schemas.computeIfAbsent((whole == strict) + pointer, key -> {
            ObjectNode root = JSON.createObjectNode().put("$ref", "#" + pointer);
            root.setAll((ObjectNode) whole);
            return REGISTRY.getSchema(root);
        });
        return schema.validate(instance, InputFormat.JSON);
    }

    /** The described path that a real one belongs to; one without parameters first. */
    private String path(String real) {
        return document.path("paths").properties().stream()
                .map(Map.Entry::getKey)
                // A slash at the end changes nothing.
                .filter(path -> real.replaceFirst("(?<=.)/$", "")
                        .matches(path.replaceAll("\\{model}", ".+").replaceAll("\\{\\w+}", "[^/]+")))
                .min(Comparator.comparing(path -> path.contains("{")))
                .orElse("");
    }

    private static String escaped(String name) {
        return name.replace("~", "~0").replace("/", "~1");
    }
}
