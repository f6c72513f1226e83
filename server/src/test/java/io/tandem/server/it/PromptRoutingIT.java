package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.server.api.JsonBody;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code "model": "auto"} over adapters that the sample model learned three skills with. */
@Timeout(120)
class PromptRoutingIT {
    private static final Path SAMPLE = Path.of("../config/models/sample");
    private static final Path TOUR = Path.of("../config/tour");
    private static final List<String> SKILLS = List.of("json", "pig-latin", "reverse");
    private static final String SUM = "What is 7 plus 8?";
    private static final String PIG_LATIN = "Say garden in pig latin.";

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static AdapterClient adapters;
    /** Of each skill's adapter. */
    private static final Map<String, String> NAMES = new LinkedHashMap<>();

    @BeforeAll
    static void train() throws Exception {
        start();
        List<String> jobs = new ArrayList<>();
        for (String skill : SKILLS) {
            String file = server.upload("a.jsonl", Files.readString(TOUR.resolve(skill + ".train.jsonl")));
            jobs.add(server.json(server.post(
                            "/v1/fine_tuning/jobs",
                            "{\"model\":\"sample\",\"training_file\":\"" + file + "\",\"suffix\":\"" + skill
                                    + "\",\"seed\":1,\"hyperparameters\":{\"n_epochs\":2,\"n_checkpoints\":1}}"))
                    .path("id")
                    .asText());
        }
        for (int i = 0; i < SKILLS.size(); i++) {
            JsonNode job = job(jobs.get(i));
            while (job.path("finished_at").isNull()) {
                Thread.sleep(50);
                job = job(jobs.get(i));
            }
            NAMES.put(SKILLS.get(i), job.path("fine_tuned_model").asText());
        }
        adapters.create("scales", TinyAdapters.scales(ModelConfigReader.read(SAMPLE), 1));
    }

    private static void start() throws Exception {
        server = RunningServer.start(directory, SAMPLE);
        adapters = new AdapterClient(server, directory);
    }

    private static JsonNode job(String id) throws Exception {
        return server.json(server.get("/v1/fine_tuning/jobs/" + id));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static String message(String model, String question) {
        return "{\"model\":\"" + model + "\",\"messages\":[{\"role\":\"user\",\"content\":\"" + question
                + "\"}],\"temperature\":0,\"max_tokens\":12}";
    }

    private static HttpResponse<String> chat(String model, String question) throws Exception {
        return server.post("/v1/chat/completions", message(model, question));
    }

    private static String version(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return answer.headers().firstValue("X-Adapter-Version").orElse("");
    }

    /** Questions that are in no training file. */
    @Test
    void aPromptGetsTheAdapterOfItsSkill() throws Exception {
        for (String skill : SKILLS) {
            int right = 0;
            for (String line :
                    Files.readAllLines(TOUR.resolve(skill + ".test.jsonl")).subList(0, 20)) {
                String question =
                        JsonBody.MAPPER.readTree(line).at("/messages/0/content").asText();
                HttpResponse<String> answer = chat("auto", question);
                if (version(answer).startsWith(NAMES.get(skill) + "@")) {
                    assertThat(server.json(answer).path("model").asText()).isEqualTo(NAMES.get(skill));
                    right++;
                }
            }
            assertThat(right).as(skill).isGreaterThanOrEqualTo(19);
        }
    }

    @Test
    void theAnswerIsThatOfTheChosenAdapterOrOfTheBaseModel() throws Exception {
        double toAdapters = adapters.metric("tandem_adapter_routed_total{choice=\"adapter\"}");
        double toBase = adapters.metric("tandem_adapter_routed_total{choice=\"base\"}");
        JsonNode chosen = server.json(chat("auto", PIG_LATIN));
        assertThat(text(chosen)).isEqualTo(text(server.json(chat(NAMES.get("pig-latin"), PIG_LATIN))));
        HttpResponse<String> ordinary = chat("auto", SUM);
        assertThat(version(ordinary)).isEmpty();
        assertThat(server.json(ordinary).path("model").asText()).isEqualTo("sample");
        assertThat(text(server.json(ordinary))).isEqualTo("15");
        // What the base model read to choose is there for its answer.
        JsonNode usage = server.json(ordinary).path("usage");
        assertThat(usage.at("/prompt_tokens_details/cached_tokens").asInt())
                .isEqualTo(usage.path("prompt_tokens").asInt() - 1);
        assertThat(adapters.metric("tandem_adapter_routed_total{choice=\"adapter\"}"))
                .isEqualTo(toAdapters + 1);
        assertThat(adapters.metric("tandem_adapter_routed_total{choice=\"base\"}"))
                .isEqualTo(toBase + 1);
    }

    private static String text(JsonNode answer) {
        return answer.at("/choices/0/message/content").asText();
    }

    @Test
    void onlyNamedAdaptersAreChosen() throws Exception {
        String two = "auto:" + NAMES.get("json") + "," + NAMES.get("reverse");
        assertThat(version(chat(two, PIG_LATIN))).doesNotStartWith(NAMES.get("pig-latin"));
        assertThat(version(chat("auto:" + NAMES.get("json"), SUM))).isEmpty();
        String version = version(chat(NAMES.get("pig-latin") + ":r4", PIG_LATIN));
        assertThat(version).endsWith(":r4");
        assertThat(version(chat("auto:" + version, PIG_LATIN))).isEqualTo(version);
    }

    @Test
    void everyEndpointForTextChooses() throws Exception {
        String stream = message("auto", PIG_LATIN).replaceFirst("}$", ",\"stream\":true}");
        HttpResponse<String> streamed = server.post("/v1/chat/completions", stream);
        assertThat(version(streamed)).startsWith(NAMES.get("pig-latin"));
        assertThat(server.events(streamed))
                .isNotEmpty()
                .allMatch(event -> event.path("model").asText().equals(NAMES.get("pig-latin")));
        HttpResponse<String> response =
                server.post("/v1/responses", "{\"model\":\"auto\",\"input\":\"" + PIG_LATIN + "\",\"temperature\":0}");
        assertThat(version(response)).startsWith(NAMES.get("pig-latin"));
        assertThat(server.json(response).path("model").asText()).isEqualTo(NAMES.get("pig-latin"));
        HttpResponse<String> completion = server.post(
                "/v1/completions",
                "{\"model\":\"auto\",\"prompt\":\"<|user|>" + PIG_LATIN
                        + "<|end|><|assistant|>\",\"n\":2,\"max_tokens\":4}");
        assertThat(version(completion)).startsWith(NAMES.get("pig-latin"));
        assertThat(server.json(completion).path("choices")).hasSize(2);
    }

    @Test
    void eachRowOfABatchIsChosenFor() throws Exception {
        BatchRequests batches = new BatchRequests(server);
        String rows = BatchRequests.line("a", "/v1/chat/completions", message("auto", PIG_LATIN))
                + BatchRequests.line("b", "/v1/chat/completions", message("auto", SUM));
        String id = server.json(server.post(
                        BatchRequests.BATCHES, BatchRequests.request(batches.upload(rows), "/v1/chat/completions")))
                .path("id")
                .asText();
        List<JsonNode> lines = batches.lines(batches.awaitEnd(id).path("output_file_id"));
        assertThat(lines.stream().map(line -> line.at("/response/body/model").asText()))
                .containsExactlyInAnyOrder(NAMES.get("pig-latin"), "sample");
    }

    @Test
    void whatCannotBeChosenIsRefused() throws Exception {
        refused(chat("auto:" + NAMES.get("json") + ",scales", SUM), 400, "'scales@");
        refused(chat("auto:" + NAMES.get("json") + ",nobody", SUM), 404, "'nobody' does not exist");
        refused(chat("auto:", SUM), 404, "'auto:' does not exist");
        refused(chat("auto+scales", SUM), 404, "'auto' does not exist");
        refused(
                server.post("/v1/completions", "{\"model\":\"auto\",\"prompt\":[\"a\",\"b\"],\"max_tokens\":1}"),
                400,
                "'prompt' has 2");
        refused(
                server.post(
                        "/v1/completions",
                        "{\"model\":\"auto\",\"adapters\":[\"scales\"],\"prompt\":\"a\",\"max_tokens\":1}"),
                400,
                "must be the base model 'sample'");
        refused(server.post("/v1/embeddings", "{\"model\":\"auto\",\"input\":\"a\"}"), 404, "'auto' does not exist");
    }

    private static void refused(HttpResponse<String> answer, int status, String why) throws Exception {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        assertThat(AdapterClient.error(answer).path("message").asText()).contains(why);
        assertThat(AdapterClient.error(answer).path("param").asText()).isEqualTo("model");
    }

    @ParameterizedTest
    @ValueSource(strings = {"auto", "auto:scales"})
    void noAdapterIsCalledLikeTheChoice(String name) throws Exception {
        HttpResponse<String> answer = server.post("/v1/adapters", "{\"name\":\"" + name + "\",\"path\":\"scales\"}");
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body()).contains("is not a possible name");
    }

    /** Older servers left none, and a file may be damaged: they are made again. */
    @Test
    void whatAnOlderServerPublishedIsChosenToo() throws Exception {
        String before = version(chat("auto", PIG_LATIN));
        server.close();
        List<Path> files = prototypes();
        assertThat(files).hasSize(3);
        Files.write(files.get(0), new byte[] {1, 2, 3});
        Files.delete(files.get(1));
        Files.delete(files.get(2));
        start();
        assertThat(version(chat("auto", PIG_LATIN))).isEqualTo(before).isNotEmpty();
        // Behind this one, as changes are made one after the other.
        adapters.act("scales", "labels", "{\"labels\":{}}");
        assertThat(prototypes()).containsExactlyInAnyOrderElementsOf(files);
        assertThat(Files.size(files.get(0))).isGreaterThan(3);
    }

    private static List<Path> prototypes() throws Exception {
        try (Stream<Path> all = Files.walk(directory.resolve("data/adapters"))) {
            return all.filter(file -> file.toString().endsWith(".prototypes")
                            && file.toFile().length() > 100)
                    .filter(file -> !file.toString().contains("ckpt-step"))
                    .toList();
        }
    }

    @Test
    void tenantsAreChosenFromWhatTheyCanAskFor(@TempDir Path own) throws Exception {
        try (RunningServer tiny = RunningServer.start(own)) {
            ModelConfig model = ModelConfigReader.read(own.resolve(RunningServer.MODEL));
            String prompt = "{\"model\":\"auto\",\"prompt\":\"the same\",\"max_tokens\":1}";
            assertThat(version(tiny.post("/v1/completions", prompt))).isEmpty();
            Operator operator = Operator.of(tiny);
            RunningServer owner = operator.server();
            new AdapterClient(owner, own).create("a", TinyAdapters.random(model, LoraConfig.allLinears(), 4, 1));
            String tenant = operator.tenant("other");
            RunningServer other = operator.as(tenant, "inference");
            assertThat(version(owner.post("/v1/completions", prompt))).startsWith("a@");
            assertThat(version(other.post("/v1/completions", prompt))).isEmpty();
            String named = prompt.replace("auto", "auto:a");
            assertThat(other.post("/v1/completions", named).statusCode()).isEqualTo(404);
            owner.json(owner.post("/v1/adapters/a/share", "{\"project_ids\":[\"" + tenant + "\"]}"));
            HttpResponse<String> shared = other.post("/v1/completions", prompt);
            assertThat(version(shared)).startsWith("default/a@");
            assertThat(new JsonMapper().readTree(shared.body()).path("model").asText())
                    .isEqualTo("default/a");
        }
    }
}
