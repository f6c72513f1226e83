package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.it.DescribedRoute.Request;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What one tenant can find out about another one's objects: nothing. The requests are made from the server's own
 * description, so a new route is tried without anybody thinking of it.
 */
@Timeout(120)
class TenantSeparationIT {
    private static final JsonMapper JSON = new JsonMapper();
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final String SECRET = "secret-adapter";

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static RunningServer owner;
    private static RunningServer stranger;
    private static String operatorKey;
    private static String strangersProject;
    /** That the owner's job made. */
    private static String model;

    private static List<DescribedRoute> routes;
    /** What a path's parameter is, of the owner. */
    private static final Map<String, String> OWNED = new LinkedHashMap<>();
    /** By what the owner has, what nobody has. */
    private static final Map<String, String> ABSENT = new LinkedHashMap<>();

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
        operatorKey = key(server, "default");
        RunningServer operator = server.as(operatorKey);
        String project = project(operator, "owner");
        strangersProject = project(operator, "stranger");
        owner = server.as(key(operator, project));
        stranger = server.as(key(operator, strangersProject));
        routes = DescribedRoute.of(server);
        publish(owner, project, SECRET, 1);
        String file = owner.upload("train.jsonl", TrainingFiles.chats(8));
        BatchRequests batches = new BatchRequests(owner);
        String batch = batches.create(BatchRequests.completions(1, 1));
        String output = batches.awaitEnd(batch).path("output_file_id").asText();
        String job = job(file);
        own("file", file, "file-000000000000000000000000");
        own("batch", batch, "batch_000000000000000000000000");
        own("job", job, "ftjob-000000000000000000000000");
        own("id", SECRET, "absent-adapter");
        own("model", SECRET, "absent-adapter");
        own("project", project, "proj_000000000000000000000000");
        own(
                "key",
                owner.json(owner.get("/v1/organization/projects/" + project + "/api_keys"))
                        .at("/data/0/id")
                        .asText(),
                "key_000000000000000000000000");
        own("response", "resp_1", "resp_2");
        ABSENT.put(output, "file-000000000000000000000000");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static void own(String parameter, String value, String absent) {
        OWNED.put(parameter, value);
        ABSENT.put(value, absent);
    }

    private static String project(RunningServer operator, String name) throws Exception {
        return operator.json(operator.post("/v1/organization/projects", "{\"name\":\"" + name + "\"}"))
                .path("id")
                .asText();
    }

    private static String key(RunningServer operator, String project) throws Exception {
        String path = "/v1/organization/projects/" + project + "/api_keys";
        return operator.json(operator.post(path, "{\"name\":\"k\",\"role\":\"admin\"}"))
                .path("value")
                .asText();
    }

    /** Imports an adapter from below the tenant's part of the import root. */
    private static void publish(RunningServer tenant, String project, String name, long seed) throws Exception {
        AdapterClient client = new AdapterClient(tenant, directory);
        client.write(project + "/" + name, TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, seed));
        tenant.json(tenant.post("/v1/adapters", "{\"name\":\"" + name + "\",\"path\":\"" + name + "\"}"));
    }

    private static String job(String file) throws Exception {
        String body = "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"suffix\":\"hidden\","
                + "\"hyperparameters\":{\"n_epochs\":1,\"batch_size\":4,\"rank\":2}}";
        String id =
                owner.json(owner.post("/v1/fine_tuning/jobs", body)).path("id").asText();
        JsonNode job = new JobClient(owner).succeeded(id);
        model = job.path("fine_tuned_model").asText();
        ABSENT.put(model, model.replace("hidden", "absent"));
        ABSENT.put(job.path("result_files").path(0).asText(), "file-000000000000000000000000");
        String checkpoint = owner.json(owner.get("/v1/fine_tuning/jobs/" + id + "/checkpoints"))
                .at("/data/0/fine_tuned_model_checkpoint")
                .asText();
        ABSENT.put(checkpoint, checkpoint.replace("hidden", "absent"));
        return id;
    }

    /** A request that names what the owner has, and the same with a name that nobody has. */
    private record Pair(Request owned, Request absent) {}

    @Test
    void namesInPathsLeadNowhere() throws Exception {
        List<Pair> pairs = new ArrayList<>();
        for (DescribedRoute route : routes) {
            String path = route.path();
            if (path.contains("{") && !route.isOpen()) {
                pairs.add(new Pair(route.to(filled(path, name -> name)), route.to(filled(path, ABSENT::get))));
                if (path.contains("{key}")) {
                    String own = path.replace("{project}", strangersProject);
                    pairs.add(new Pair(route.to(filled(own, name -> name)), route.to(filled(own, ABSENT::get))));
                }
            }
        }
        assertThat(pairs).hasSizeGreaterThan(25);
        for (Pair pair : pairs) {
            HttpResponse<String> answer = pair.owned().sendAs(stranger);
            assertThat(answer.statusCode())
                    .as(pair.owned() + " " + answer.body())
                    .isEqualTo(404);
            requireSame(pair, answer);
        }
        // And all of it is still there.
        for (String path : List.of(
                "/v1/files/" + OWNED.get("file") + "/content",
                "/v1/batches/" + OWNED.get("batch"),
                "/v1/fine_tuning/jobs/" + OWNED.get("job"),
                "/v1/adapters/" + SECRET,
                "/v1/models/" + SECRET)) {
            assertThat(owner.get(path).statusCode()).as(path).isEqualTo(200);
        }
    }

    private static String filled(String path, UnaryOperator<String> choose) {
        String filled = path;
        for (Map.Entry<String, String> parameter : OWNED.entrySet()) {
            filled = filled.replace("{" + parameter.getKey() + "}", choose.apply(parameter.getValue()));
        }
        assertThat(filled).as("what does this parameter name?").doesNotContain("{");
        return filled;
    }

    @Test
    void listsHaveTheirOwnOnly() throws Exception {
        List<String> paths = routes.stream()
                .filter(route -> route.method().equals("get"))
                .map(DescribedRoute::path)
                .filter(path -> !path.contains("{"))
                .toList();
        for (String path : paths) {
            HttpResponse<String> answer = stranger.get(path);
            ABSENT.keySet().forEach(name -> assertThat(answer.body()).as(path).doesNotContain(name));
            for (String after : List.of("file", "batch", "job", "id")) {
                Pair pair = new Pair(
                        new Request("get", path + "?after=" + OWNED.get(after), ""),
                        new Request("get", path + "?after=" + ABSENT.get(OWNED.get(after)), ""));
                requireSame(pair, pair.owned().sendAs(stranger));
            }
        }
        assertThat(stranger.get("/v1/models?include=checkpoints").body()).doesNotContain("hidden", SECRET);
        assertThat(owner.get("/v1/models?include=checkpoints").body()).contains("hidden", SECRET);
    }

    @Test
    void namesInBodiesMeanNothing() throws Exception {
        List<Pair> pairs = new ArrayList<>();
        for (DescribedRoute route : routes) {
            String path = route.path();
            if (!path.contains("{")
                    && !path.startsWith("/v1/organization")
                    && route.example() instanceof ObjectNode body) {
                for (String name : List.of(OWNED.get("file"), SECRET, model)) {
                    for (String owned : withEachText(body, name)) {
                        pairs.add(new Pair(
                                new Request(route.method(), path, owned),
                                new Request(route.method(), path, owned.replace(name, ABSENT.get(name)))));
                    }
                }
            }
        }
        assertThat(pairs).hasSizeGreaterThan(50);
        for (Pair pair : pairs) {
            requireSame(pair, pair.owned().sendAs(stranger));
        }
        // Other fields that name objects.
        String hyper = "{\"model\":\"tiny\",\"training_file\":\"%s\",\"hyperparameters\":{\"under\":[\"%s\"]}}";
        String own = stranger.upload("train.jsonl", TrainingFiles.chats(8));
        for (String body : List.of(
                "{\"model\":\"tiny\",\"prompt\":\"a\",\"adapters\":[\"%s\"]}".formatted(SECRET),
                "{\"model\":\"tiny\",\"prompt\":\"a\",\"merged_adapters\":{\"ids\":[\"%s\"]}}".formatted(SECRET))) {
            HttpResponse<String> answer = stranger.post("/v1/completions", body);
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(404);
        }
        HttpResponse<String> under = stranger.post("/v1/fine_tuning/jobs", hyper.formatted(own, SECRET));
        assertThat(under.statusCode()).as(under.body()).isEqualTo(404);
    }

    /** The example with this name instead of each of its texts. */
    private static List<String> withEachText(ObjectNode example, String name) {
        List<String> all = new ArrayList<>();
        example.properties().stream()
                .filter(field -> field.getValue().isInt())
                .forEach(field -> field.setValue(IntNode.valueOf(1)));
        for (Map.Entry<String, JsonNode> field : example.properties()) {
            if (field.getValue().isTextual()) {
                all.add(example.deepCopy().put(field.getKey(), name).toString());
            } else if (field.getValue() instanceof ArrayNode array
                    && array.path(0).isTextual()) {
                ObjectNode copy = example.deepCopy();
                copy.putArray(field.getKey()).add(TextNode.valueOf(name));
                all.add(copy.toString());
            }
        }
        return all;
    }

    /** Neither status nor words tell a name of somebody else's from one that does not exist. */
    private static void requireSame(Pair pair, HttpResponse<String> owned) throws Exception {
        HttpResponse<String> absent = pair.absent().sendAs(stranger);
        assertThat(owned.statusCode())
                .as(pair.owned() + " " + owned.body())
                .isLessThan(500)
                .isEqualTo(absent.statusCode());
        if (owned.statusCode() >= 400) {
            assertThat(error(owned.body())).as(pair.owned().toString()).isEqualTo(error(absent.body()));
        }
    }

    private static JsonNode error(String body) throws Exception {
        String text = body;
        for (Map.Entry<String, String> name : ABSENT.entrySet()) {
            text = text.replace(name.getKey(), "NAME").replace(name.getValue(), "NAME");
        }
        return JSON.readTree(text);
    }

    @Test
    void oneNameIsTwoAdapters() throws Exception {
        AdapterClient own = new AdapterClient(owner, directory);
        AdapterClient other = new AdapterClient(stranger, directory);
        String before = own.version(SECRET, "");
        publish(stranger, strangersProject, SECRET, 2);
        assertThat(other.version(SECRET, "")).isNotEqualTo(before);
        assertThat(own.version(SECRET, "")).isEqualTo(before);
        assertThat(own.text(SECRET)).isNotEqualTo(other.text(SECRET));
        assertThat(stranger.delete("/v1/adapters/" + SECRET).statusCode()).isEqualTo(200);
        assertThat(own.version(SECRET, "")).isEqualTo(before);
        assertThat(other.ask(SECRET, "").statusCode()).isEqualTo(404);
    }

    /** What is cached would tell what somebody else has asked before. */
    @Test
    void cachedPromptsAreTheirOwn() throws Exception {
        String body = "{\"model\":\"tiny\",\"prompt\":\"" + "a secret question ".repeat(5) + "\",\"max_tokens\":1}";
        assertThat(cached(owner, body)).isZero();
        assertThat(cached(stranger, body)).isZero();
        assertThat(cached(owner, body)).isPositive();
        assertThat(cached(server.as(operatorKey), body)).isZero();
    }

    private static int cached(RunningServer tenant, String body) throws Exception {
        return tenant.json(tenant.post("/v1/completions", body))
                .at("/usage/prompt_tokens_details/cached_tokens")
                .intValue();
    }

    @Test
    void whatIsSharedAnswersAndNoMore() throws Exception {
        String project = OWNED.get("project");
        publish(owner, project, "lent", 6);
        String name = project + "/lent";
        AdapterClient own = new AdapterClient(owner, directory);
        AdapterClient other = new AdapterClient(stranger, directory);
        assertThat(other.ask(name, "").statusCode()).isEqualTo(404);
        own.act("lent", "share", "{\"project_ids\":[\"" + strangersProject + "\"]}");
        assertThat(other.text(name)).isEqualTo(own.text("lent"));
        assertThat(other.version(name, "")).isEqualTo(project + "/" + own.version("lent", ""));
        assertThat(stranger.get("/v1/models").body()).contains(name);
        assertThat(stranger.get("/v1/models/" + name).statusCode()).isEqualTo(200);
        assertThat(other.ask("lent", "").statusCode()).isEqualTo(404);
        assertThat(server.as(operatorKey).get("/v1/models").body()).doesNotContain("lent");
        String path = "/v1/adapters/" + project + "%2Flent";
        for (HttpResponse<String> answer : List.of(
                stranger.get(path),
                stranger.get(path + "/export"),
                stranger.delete(path),
                stranger.post(path + "/share", "{\"project_ids\":[]}"),
                stranger.post("/v1/adapters/merge", "{\"name\":\"m\",\"ids\":[\"" + name + "\"]}"),
                stranger.post("/v1/unload_lora_adapter", "{\"lora_name\":\"" + name + "\"}"))) {
            assertThat(answer.statusCode()).as(answer.request() + answer.body()).isEqualTo(404);
        }
        assertThat(stranger.delete("/v1/models/" + project + "%2Flent").statusCode())
                .isEqualTo(400);
        assertThat(owner.post("/v1/adapters/lent/share", "{\"project_ids\":[\"acme\"]}")
                        .statusCode())
                .isEqualTo(400);
        assertThat(owner.post("/v1/adapters/lent/share", "{\"project_ids\":\"default\"}")
                        .statusCode())
                .isEqualTo(400);
        own.act("lent", "share", "{\"project_ids\":[]}");
        assertThat(other.ask(name, "").statusCode()).isEqualTo(404);
        assertThat(owner.delete("/v1/adapters/lent").statusCode()).isEqualTo(200);
    }

    /** Files that the operator has laid out for others, addresses, and the device's memory. */
    @Test
    void whatBelongsToTheServerIsOutOfReach() throws Exception {
        new AdapterClient(owner, directory)
                .write("operators", TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, 5));
        for (String path : List.of("operators", "../operators", OWNED.get("project") + "/" + SECRET)) {
            HttpResponse<String> answer =
                    stranger.post("/v1/adapters", "{\"name\":\"mine\",\"path\":\"" + path + "\"}");
            assertThat(answer.statusCode()).as(path + answer.body()).isEqualTo(404);
        }
        publish(stranger, strangersProject, "mine", 3);
        assertThat(stranger.post("/v1/adapters/mine/pin", "{}").statusCode()).isEqualTo(403);
    }
}
