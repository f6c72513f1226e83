package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.math.BigDecimal;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Each field of each JSON body: whatever its schema in {@code /openapi.json} excludes gets a 400 that names the field, and
 * the least and the largest number that it allows do not.
 */
@Timeout(300)
class WrongValuesIT {
    private static final JsonMapper JSON = new JsonMapper();
    private static final SchemaRegistry REGISTRY =
            SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);
    private static final HttpClient CLIENT = HttpClient.newHttpClient();
    private static final List<String> OF_EVERY_TYPE =
            List.of("true", "0.5", "-7", "\"wrong value\"", "{\"wrong\":{}}", "[[true]]", "[]", "\"\"");

    /** Bodies beside the examples, for fields that are read only together with others. */
    private static final Map<String, List<String>> OTHERS = Map.of(
            "/tokenize",
            List.of("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "{\"content\":\"a\"}"),
            "/v1/score",
            List.of("{\"model\":\"tiny\",\"queries\":\"a\",\"documents\":\"b\"}"));

    /** Numbers that other fields limit further, or the size of the model. */
    private static final Set<String> LIMITED_FURTHER = Set.of(
            "min_tokens",
            "max_tokens",
            "max_completion_tokens",
            "truncate_prompt_tokens",
            "top_logprobs",
            "best_of",
            "n",
            "eval_every",
            "early_stopping_patience",
            "checkpoint_every",
            "momentum",
            "evaluations",
            "density",
            "max_rank",
            "percent",
            "alpha",
            "beta");

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static JsonNode document;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
        document = server.contract().document();
        ModelConfig model = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).config();
        new AdapterClient(server, directory).create("one", TinyAdapters.random(model, LoraConfig.allLinears(), 4, 1));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void wrongValuesAreRefusedByName() throws Exception {
        int sent = 0;
        List<String> surprises = new ArrayList<>();
        for (Map.Entry<String, JsonNode> path : document.path("paths").properties()) {
            JsonNode media = path.getValue().at("/post/requestBody/content/application~1json");
            if (media.isMissingNode()) {
                continue;
            }
            List<ObjectNode> bodies = new ArrayList<>(List.of((ObjectNode) media.path("example")));
            for (String other : OTHERS.getOrDefault(path.getKey(), List.of())) {
                bodies.add((ObjectNode) JSON.readTree(other));
            }
            String target = path.getKey().replace("{id}", "one").replace("{project}", "default");
            JsonNode schema = resolved(media.path("schema"));
            sent += fields(target, bodies, schema, "", surprises);
            if (target.startsWith("/v1/fine_tuning/")) {
                sent += fields(
                        target,
                        bodies,
                        document.at("/components/schemas/Hyperparameters"),
                        "hyperparameters",
                        surprises);
            }
        }
        assertThat(surprises).isEmpty();
        assertThat(sent).isGreaterThan(1000);
    }

    /**
     * @param inside which object of the bodies has the fields; empty for the bodies themselves
     * @param surprises gets what is not as described
     * @return how many requests were sent
     */
    private static int fields(
            String target, List<ObjectNode> bodies, JsonNode schema, String inside, List<String> surprises)
            throws Exception {
        int sent = 0;
        for (Map.Entry<String, JsonNode> field : schema.path("properties").properties()) {
            String name = field.getKey();
            String param = inside.isEmpty() ? name : inside + "." + name;
            Schema rule = rule(field.getValue());
            for (String value : candidates(field.getValue())) {
                boolean right = rule.validate(value, InputFormat.JSON).isEmpty();
                boolean limit = value.matches("-?[0-9.E]+") && !OF_EVERY_TYPE.contains(value);
                if (right && (!limit || LIMITED_FURTHER.contains(name))) {
                    continue;
                }
                boolean refused = false;
                String answers = "";
                for (ObjectNode body : bodies) {
                    HttpResponse<String> answer = send(target, with(body, inside, name, value));
                    String named = JSON.readTree(answer.body().startsWith("{") ? answer.body() : "{}")
                            .at("/error/param")
                            .asText();
                    refused |= answer.statusCode() == 400
                            && (named.equals(param) || named.matches(Pattern.quote(param) + "[.\\[].*"));
                    answers += "\n" + answer.statusCode() + " " + answer.body();
                    sent++;
                }
                if (refused == right) {
                    surprises.add(target + " " + param + " = " + value + answers);
                }
            }
        }
        return sent;
    }

    /** Beside the contract: what another field makes unread may be anything. */
    private static HttpResponse<String> send(String target, String body) throws Exception {
        return CLIENT.send(
                HttpRequest.newBuilder(URI.create(server.url() + target))
                        .POST(BodyPublishers.ofString(body))
                        .build(),
                BodyHandlers.ofString());
    }

    private static String with(ObjectNode body, String inside, String name, String value) throws Exception {
        ObjectNode changed = body.deepCopy();
        (inside.isEmpty() ? changed : changed.withObjectProperty(inside)).set(name, JSON.readTree(value));
        return changed.toString();
    }

    /** Values of all types, and those at and beyond the limits of the field. */
    private static List<String> candidates(JsonNode schema) {
        if (schema.has("enum") && !schema.has("type")) {
            // A field that is refused, whatever its value is.
            return List.of("true", "\"wrong value\"");
        }
        List<String> values = new ArrayList<>(OF_EVERY_TYPE);
        for (JsonNode part : parts(schema)) {
            JsonNode least = part.path("minimum");
            if (least.isNumber()) {
                values.add(least.asText());
                values.add(least.decimalValue().subtract(BigDecimal.ONE).toPlainString());
            }
            JsonNode most = part.path("maximum");
            if (most.isNumber()) {
                values.add(most.asText());
                values.add(most.decimalValue().add(BigDecimal.ONE).toPlainString());
            }
            if (part.has("exclusiveMinimum")) {
                values.add("0");
            }
            if (part.path("maxLength").asInt(1 << 20) < 1 << 19) {
                values.add('"' + "a".repeat(part.path("maxLength").intValue() + 1) + '"');
            }
            if (part.path("maxItems").asInt(1 << 20) < 1 << 19) {
                ArrayNode many = JSON.createArrayNode();
                String item = resolved(part.path("items")).path("type").asText().equals("string") ? "\"a\"" : "1";
                for (int i = 0; i <= part.path("maxItems").intValue(); i++) {
                    many.addRawValue(new RawValue(item));
                }
                values.add(many.toString());
            }
        }
        return values;
    }

    private static List<JsonNode> parts(JsonNode schema) {
        List<JsonNode> parts = new ArrayList<>();
        JsonNode own = resolved(schema);
        parts.add(own);
        own.path("anyOf").forEach(one -> parts.addAll(parts(one)));
        return parts;
    }

    private static JsonNode resolved(JsonNode schema) {
        return schema.has("$ref") ? document.at(schema.path("$ref").asText().substring(1)) : schema;
    }

    private static Schema rule(JsonNode schema) {
        if (!schema.isObject()) {
            return REGISTRY.getSchema(schema);
        }
        ObjectNode rule = schema.deepCopy();
        rule.set("components", document.path("components"));
        return REGISTRY.getSchema(rule);
    }
}
