package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.it.WrongValues.Try;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Each field of each body, at any depth, and each parameter of each list: whatever its schema in {@code /openapi.json}
 * excludes gets a 400 that names the field, and the least and the largest number that it allows do not.
 */
@Timeout(300)
class WrongValuesIT {
    private static final JsonMapper JSON = new JsonMapper();
    private static final HttpClient CLIENT =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private static final int AT_ONCE = 8;

    /** Bodies beside the examples, for fields that are read only together with others. */
    private static final Map<String, List<String>> OTHERS = Map.of(
            "/v1/completions",
            List.of(
                    "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":1,\"stream\":true,\"stream_options\":{}}",
                    "{\"model\":\"tiny\",\"prompt\":\"a\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{}}}}",
                    "{\"model\":\"tiny\",\"prompt\":\"a\",\"merged_adapters\":{\"ids\":[\"one\",\"two\"],\"merge_strategy\":\"layer_swap\"}}"),
            "/v1/chat/completions",
            List.of(
                    "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]}"),
            "/v1/responses",
            List.of(
                    "{\"model\":\"tiny\",\"input\":\"a\",\"text\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}}}",
                    "{\"model\":\"tiny\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]}",
                    "{\"model\":\"tiny\",\"input\":[{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":\"b\"}]}",
                    "{\"model\":\"tiny\",\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"a\",\"output\":\"b\"}]}"),
            "/tokenize",
            List.of("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "{\"content\":\"a\"}"),
            "/v1/fine_tuning/jobs",
            List.of(
                    "{\"model\":\"tiny\",\"training_file\":\"file-1\",\"method\":{\"type\":\"dpo\"}}",
                    "{\"model\":\"tiny\",\"training_file\":\"file-1\",\"validation_file\":\"file-1\",\"method\":{\"type\":\"search\",\"search\":{\"trials\":2}}}",
                    "{\"model\":\"tiny\",\"training_file\":\"file-1\",\"method\":{\"type\":\"distill\",\"distill\":{\"examples\":1}}}",
                    "{\"model\":\"tiny\",\"training_file\":\"file-1\",\"method\":{\"type\":\"distill\",\"distill\":{\"examples\":1,\"texts\":\"written\"}}}",
                    "{\"model\":\"tiny\",\"training_file\":\"file-1\",\"hyperparameters\":{\"learns\":{\"type\":\"light_peft\"}}}",
                    "{\"model\":\"tiny\",\"training_file\":\"file-1\",\"hyperparameters\":{\"learns\":{\"type\":\"spt\"}}}"),
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
            "beta",
            "virtual_tokens",
            "invocation_tokens",
            "growth_warmup",
            "growth_interval",
            "growth_modules",
            "growth_threshold",
            "orthogonality",
            "bottleneck_size",
            "bottleneck_scaling");

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static JsonNode document;
    private static WrongValues wrong;
    /** Whose quotas may be anything, while all else is asked for by another one. */
    private static String project;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
        document = server.contract().document();
        wrong = new WrongValues(document);
        ModelConfig model = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).config();
        new AdapterClient(server, directory).create("one", TinyAdapters.random(model, LoraConfig.allLinears(), 4, 1));
        project = server.json(server.post("/v1/organization/projects", "{\"name\":\"limited\"}"))
                .path("id")
                .asText();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void wrongValuesInBodiesAreRefusedByName() throws Exception {
        List<Callable<String>> tries = new ArrayList<>();
        for (Map.Entry<String, JsonNode> path : document.path("paths").properties()) {
            JsonNode media = path.getValue().at("/post/requestBody/content/application~1json");
            // A dry run is described and read by what jobs are.
            if (media.isMissingNode() || path.getKey().endsWith("/dry_run")) {
                continue;
            }
            List<ObjectNode> bodies = new ArrayList<>(List.of((ObjectNode) media.path("example")));
            for (String other : OTHERS.getOrDefault(path.getKey(), List.of())) {
                bodies.add((ObjectNode) JSON.readTree(other));
            }
            String target = path.getKey().replace("{id}", "one").replace("{project}", project);
            for (String tokens : List.of("max_tokens", "max_output_tokens")) {
                if (bodies.get(0).has(tokens)) {
                    bodies.get(0).put(tokens, 1);
                }
            }
            for (Try one : wrong.of(target, media.path("schema"), bodies)) {
                if (!one.allowed() || !LIMITED_FURTHER.contains(one.param().replaceFirst(".*\\.", ""))) {
                    tries.add(() -> surprise(target, one));
                }
            }
        }
        assertThat(surprises(tries)).isEmpty();
        assertThat(tries).hasSizeGreaterThan(1500);
    }

    /** Empty if the answers are as the schema has it. */
    private static String surprise(String target, Try one) throws Exception {
        StringBuilder answers = new StringBuilder();
        for (String body : one.bodies()) {
            HttpResponse<String> answer = send(
                    HttpRequest.newBuilder(URI.create(server.url() + target)).POST(BodyPublishers.ofString(body)));
            if (names(answer, one.param()) != one.allowed()) {
                return "";
            }
            answers.append("\n").append(answer.statusCode()).append(" ").append(answer.body());
        }
        return target + " " + one.param() + " = " + one.value() + answers;
    }

    private static boolean names(HttpResponse<String> answer, String param) throws IOException {
        if (answer.statusCode() != 400) {
            return false;
        }
        String named = JSON.readTree(answer.body()).at("/error/param").asText();
        return named.equals(param) || named.matches(Pattern.quote(param) + "[.\\[].*");
    }

    /** Beside the contract: what another field makes unread may be anything. */
    private static HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return CLIENT.send(request.build(), BodyHandlers.ofString());
    }

    private static List<String> surprises(List<Callable<String>> tries) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE);
        try {
            List<String> surprises = new ArrayList<>();
            for (Future<String> surprise : threads.invokeAll(tries)) {
                surprises.add(surprise.get());
            }
            surprises.removeIf(String::isEmpty);
            return surprises;
        } finally {
            threads.shutdown();
        }
    }

    @Test
    void wrongPartsOfFormsAreRefusedByName() throws Exception {
        Map<String, String> right = Map.of(
                "name", "form",
                "purpose", "batch",
                "canary_percent", "50",
                "expires_after[anchor]", "created_at",
                "expires_after[seconds]", "3600",
                "file", "{}");
        List<Callable<String>> tries = new ArrayList<>();
        for (Map.Entry<String, JsonNode> path : document.path("paths").properties()) {
            JsonNode ref = path.getValue().at("/post/requestBody/content/multipart~1form-data/schema/$ref");
            if (ref.isMissingNode()) {
                continue;
            }
            JsonNode schema = document.at(ref.asText().substring(1));
            Map<String, String> parts = new TreeMap<>(right);
            parts.keySet().retainAll(names(schema.path("properties")));
            schema.path("properties")
                    .properties()
                    .forEach(field -> wrong.texts(field.getValue())
                            .forEach(text -> tries.add(() -> surprise(path.getKey(), parts, field.getKey(), text))));
            schema.path("required").forEach(name -> {
                Map<String, String> others = new TreeMap<>(parts);
                others.remove(name.asText());
                tries.add(() -> surprise(path.getKey(), others, name.asText(), null));
            });
            tries.add(() -> surprise(path.getKey(), parts, "colour", "red"));
        }
        assertThat(surprises(tries)).isEmpty();
        assertThat(tries).hasSizeGreaterThan(15);
    }

    private static Set<String> names(JsonNode object) {
        return object.properties().stream().map(Map.Entry::getKey).collect(Collectors.toSet());
    }

    /** @param text of one part, or null to leave it out */
    private static String surprise(String target, Map<String, String> parts, String name, @Nullable String text)
            throws Exception {
        Map<String, String> form = new TreeMap<>(parts);
        if (text != null) {
            form.put(name, text);
        }
        StringBuilder body = new StringBuilder();
        form.forEach((field, value) -> body.append("--part\r\nContent-Disposition: form-data; name=\"")
                .append(field)
                .append(field.equals("file") ? "\"; filename=\"a.jsonl" : "")
                .append("\"\r\n\r\n")
                .append(value)
                .append("\r\n"));
        HttpResponse<String> answer = send(HttpRequest.newBuilder(URI.create(server.url() + target))
                .header("Content-Type", "multipart/form-data; boundary=part")
                .POST(BodyPublishers.ofString(body + "--part--\r\n")));
        return names(answer, name) ? "" : target + " " + name + " = " + text + "\n" + answer.body();
    }

    @Test
    void wrongParametersOfListsAreRefusedByName() throws Exception {
        String file = server.upload("a.jsonl", "{\"question\":\"a\",\"answer\":\"b\"}");
        String job = server.json(
                        server.post("/v1/fine_tuning/jobs", "{\"model\":\"tiny\",\"training_file\":\"" + file + "\"}"))
                .path("id")
                .asText();
        List<Callable<String>> tries = new ArrayList<>();
        for (Map.Entry<String, JsonNode> path : document.path("paths").properties()) {
            String target =
                    path.getKey().replace("{job}", job).replace("{id}", "one").replace("{project}", project);
            List<JsonNode> parameters = new ArrayList<>();
            for (JsonNode shown : path.getValue().at("/get/parameters")) {
                JsonNode parameter = shown.has("$ref")
                        ? document.at(shown.path("$ref").asText().substring(1))
                        : shown;
                if (parameter.path("in").asText().equals("query")) {
                    parameters.add(parameter);
                }
            }
            for (JsonNode parameter : parameters) {
                String name = parameter.path("name").asText();
                for (String text : wrong.texts(parameter.path("schema"))) {
                    tries.add(() -> surprise(target + "?" + required(parameters, name), name, text));
                }
            }
            if (path.getValue().at("/get/parameters").size() > 1) {
                tries.add(() -> surprise(target + "?" + required(parameters, ""), "colour", "red"));
            }
            if (parameters.stream()
                    .anyMatch(parameter -> parameter.path("name").asText().equals("after"))) {
                tries.add(() -> surprise(target + "?" + required(parameters, ""), "after", "nobody"));
            }
        }
        assertThat(surprises(tries)).isEmpty();
        assertThat(tries).hasSizeGreaterThan(40);
    }

    /** The parameters, all of them numbers, without which a list is refused for another reason. */
    private static String required(List<JsonNode> parameters, String other) {
        return parameters.stream()
                .filter(parameter -> parameter.path("required").booleanValue())
                .map(parameter -> parameter.path("name").asText())
                .filter(name -> !name.equals(other))
                .map(name -> name + "=1&")
                .collect(Collectors.joining());
    }

    private static String surprise(String target, String name, String text) throws Exception {
        String query = name + "=" + URLEncoder.encode(text, StandardCharsets.UTF_8);
        HttpResponse<String> answer = send(HttpRequest.newBuilder(URI.create(server.url() + target + query)));
        return names(answer, name) ? "" : target + query + "\n" + answer.body();
    }
}
