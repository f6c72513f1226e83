package io.tandem.server.it;

import static io.tandem.server.it.BatchRequests.BATCHES;
import static io.tandem.server.it.BatchRequests.completion;
import static io.tandem.server.it.BatchRequests.completions;
import static io.tandem.server.it.BatchRequests.line;
import static io.tandem.server.it.BatchRequests.request;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.HttpResponse;
import com.openai.models.batches.Batch;
import com.openai.models.batches.BatchCreateParams;
import com.openai.models.files.FileCreateParams;
import com.openai.models.files.FilePurpose;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.api.JsonBody;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Batches over real connections, and what is refused of them. */
@Timeout(120)
class BatchIT {
    private static final String URL = "/v1/completions";
    private static final String GOOD = completion("tiny", 2, 1);

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static BatchRequests batches;
    private static OpenAIClient client;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
        batches = new BatchRequests(server);
        client = OpenAIOkHttpClient.builder()
                .baseUrl(server.url() + "/v1")
                .apiKey("none")
                .build();
        AdapterClient adapters = new AdapterClient(server, directory);
        TinyModel model = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
        for (int i = 1; i <= 2; i++) {
            adapters.create("adapter-" + i, TinyAdapters.random(model.config(), Set.of(TargetModule.Q_PROJ), 2, i));
        }
    }

    @AfterAll
    static void stop() {
        client.close();
        server.close();
    }

    @Test
    void openAisClientGetsTheSameAnswersAsItsRequests() throws Exception {
        List<String> bodies = new ArrayList<>();
        for (String model : List.of("tiny", "adapter-1", "adapter-2", "adapter-1+adapter-2")) {
            bodies.add("{\"model\":\"" + model + "\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],"
                    + "\"max_tokens\":12,\"temperature\":0}");
        }
        StringBuilder input = new StringBuilder();
        for (int i = 0; i < bodies.size(); i++) {
            input.append(line("question " + i, "/v1/chat/completions", bodies.get(i)));
        }
        Path file = Files.writeString(directory.resolve("requests.jsonl"), input);
        String uploaded = client.files()
                .create(FileCreateParams.builder()
                        .file(file)
                        .purpose(FilePurpose.BATCH)
                        .build())
                .id();
        Batch batch = client.batches()
                .create(BatchCreateParams.builder()
                        .inputFileId(uploaded)
                        .endpoint(BatchCreateParams.Endpoint.V1_CHAT_COMPLETIONS)
                        .completionWindow(BatchCreateParams.CompletionWindow._24H)
                        .metadata(BatchCreateParams.Metadata.builder()
                                .putAdditionalProperty("night", JsonValue.from("1"))
                                .build())
                        .build());
        batch.validate();
        // What the batch reads is its own.
        client.files().delete(uploaded);
        while (batch.completedAt().isEmpty()) {
            Thread.sleep(20);
            batch = client.batches().retrieve(batch.id());
        }
        batch.validate();
        assertThat(batch.status()).isEqualTo(Batch.Status.COMPLETED);
        assertThat(batch.requestCounts().orElseThrow().completed()).isEqualTo(4);
        assertThat(batch.errorFileId()).isEmpty();
        assertThat(client.batches().list().data().get(0).id()).isEqualTo(batch.id());
        Map<String, String> answers = new TreeMap<>();
        try (HttpResponse content = client.files().content(batch.outputFileId().orElseThrow());
                InputStream body = content.body()) {
            String lines = new String(body.readAllBytes(), StandardCharsets.UTF_8);
            for (String line : lines.lines().toList()) {
                JsonNode row = JsonBody.MAPPER.readTree(line);
                assertThat(row.path("error").isNull()).isTrue();
                assertThat(row.path("response").path("status_code").asInt()).isEqualTo(200);
                answers.put(
                        row.path("custom_id").asText(),
                        text(row.path("response").path("body")));
            }
        }
        for (int i = 0; i < bodies.size(); i++) {
            assertThat(answers.get("question " + i))
                    .isEqualTo(text(server.json(server.post("/v1/chat/completions", bodies.get(i)))));
        }
        assertThat(Set.copyOf(answers.values()))
                .as("the adapters say different things")
                .hasSize(4);
        assertThat(client.files()
                        .retrieve(batch.outputFileId().orElseThrow())
                        .purpose()
                        .asString())
                .isEqualTo("batch_output");
    }

    private static String text(JsonNode answer) {
        return answer.path("choices").path(0).path("message").path("content").asText();
    }

    @Test
    void embeddingsAndResponsesAreAnswered() throws Exception {
        Map<String, String> bodies = Map.of(
                "/v1/embeddings", "{\"model\":\"tiny\",\"input\":[\"a\",\"b\"]}",
                "/v1/responses", "{\"model\":\"tiny\",\"input\":\"hello\",\"max_output_tokens\":3}");
        for (Map.Entry<String, String> endpoint : bodies.entrySet()) {
            String file = batches.upload(line("one", endpoint.getKey(), endpoint.getValue()));
            JsonNode created = server.json(server.post(BATCHES, request(file, endpoint.getKey())));
            JsonNode batch = batches.awaitEnd(created.path("id").asText());
            JsonNode body = batches.lines(batch.path("output_file_id"))
                    .get(0)
                    .path("response")
                    .path("body");
            assertThat(body.path("object").asText())
                    .isEqualTo(endpoint.getKey().endsWith("responses") ? "response" : "list");
        }
    }

    @Test
    void aRowThatFailsFailsAlone() throws Exception {
        String input = line("good", URL, GOOD)
                + line("nobody", URL, completion("nobody", 2, 1))
                + "\r\n"
                + line("stream", URL, GOOD.replace("}", ",\"stream\":true}"))
                + line("long", URL, "{\"model\":\"tiny\",\"prompt\":\"" + "long ".repeat(300) + "\"}")
                + line("empty", URL, "{}")
                + line("much", URL, GOOD.replace("}", ",\"n\":9999}"))
                + line("last", URL, GOOD).strip();
        JsonNode batch = batches.awaitEnd(batches.create(input));
        assertThat(batch.path("status").asText()).isEqualTo("completed");
        assertThat(batch.path("request_counts"))
                .isEqualTo(JsonBody.MAPPER.readTree("{\"total\":7,\"completed\":2,\"failed\":5}"));
        assertThat(batches.lines(batch.path("output_file_id")))
                .extracting(row -> row.path("custom_id").asText())
                .containsExactlyInAnyOrder("good", "last");
        Map<String, String> errors = new TreeMap<>();
        for (JsonNode row : batches.lines(batch.path("error_file_id"))) {
            JsonNode response = row.path("response");
            assertThat(response.path("request_id").asText()).startsWith("req_");
            errors.put(
                    row.path("custom_id").asText(),
                    response.path("status_code").asInt() + " "
                            + response.path("body").path("error").path("param").asText());
        }
        assertThat(errors)
                .isEqualTo(Map.of(
                        "nobody",
                        "404 model",
                        "stream",
                        "400 stream",
                        "long",
                        "400 prompt",
                        "empty",
                        "400 model",
                        "much",
                        "400 n"));
    }

    static List<Arguments> wrongInputs() {
        return List.of(
                Arguments.of(" \n\n", "empty_file null null"),
                Arguments.of("{\"custom_id\":", "invalid_json_line null 1"),
                Arguments.of(line("a", URL, GOOD) + "[]\n", "invalid_json_line null 2"),
                Arguments.of("\u0000", "invalid_json_line null 1"),
                Arguments.of("[".repeat(1000), "invalid_json_line null 1"),
                Arguments.of(line("a", URL, GOOD) + line("a", URL, GOOD), "duplicate_custom_id custom_id 2"),
                Arguments.of(line("", URL, GOOD), "missing_required_parameter custom_id 1"),
                Arguments.of(line("a".repeat(513), URL, GOOD), "invalid_custom_id custom_id 1"),
                Arguments.of(line("a", "/v1/embeddings", GOOD), "invalid_url url 1"),
                Arguments.of(line("a", URL, GOOD).replace("POST", "GET"), "invalid_method method 1"),
                Arguments.of(line("a", URL, "7"), "missing_required_parameter body 1"),
                Arguments.of("{}", "missing_required_parameter custom_id 1"));
    }

    @ParameterizedTest
    @MethodSource("wrongInputs")
    void aWrongInputFailsTheBatchBeforeItBegins(String input, String expected) throws Exception {
        JsonNode batch = batches.awaitEnd(batches.create(input));
        assertThat(batch.path("status").asText()).isEqualTo("failed");
        assertThat(batch.path("failed_at").isIntegralNumber()).isTrue();
        JsonNode error = batch.path("errors").path("data").path(0);
        assertThat(error.path("code").asText() + " " + error.path("param").asText() + " "
                        + error.path("line").asText())
                .isEqualTo(expected);
        assertThat(error.path("message").asText()).isNotEmpty().doesNotContain("java", directory.toString());
    }

    static List<Arguments> refusals() {
        return List.of(
                Arguments.of(request("FILE", URL).replace("24h", "1h"), "completion_window"),
                Arguments.of(request("FILE", "/v1/moderations"), "endpoint"),
                Arguments.of(request("file-0", URL), "input_file_id"),
                Arguments.of(request("../../x", URL), "input_file_id"),
                Arguments.of(request("TRAINING", URL), "input_file_id"),
                Arguments.of("{\"endpoint\":\"" + URL + "\",\"completion_window\":\"24h\"}", "input_file_id"),
                Arguments.of(request("FILE", URL).replace("}", ",\"extra\":1}"), "extra"),
                Arguments.of(request("FILE", URL).replace("}", ",\"metadata\":{\"a\":1}}"), "metadata"),
                Arguments.of(request("FILE", URL).replace("}", ",\"metadata\":{\"a\":\"\\ud800\"}}"), "metadata"),
                Arguments.of(
                        request("FILE", URL)
                                .replace("}", ",\"output_expires_after\":{\"anchor\":\"created_at\",\"seconds\":1}}"),
                        "output_expires_after.seconds"));
    }

    @ParameterizedTest
    @MethodSource("refusals")
    void aWrongRequestIsRefused(String body, String param) throws Exception {
        String sent = body.replace("FILE", batches.upload(line("a", URL, GOOD)))
                .replace("TRAINING", server.upload("train.jsonl", TrainingFiles.chats(2)));
        var answer = server.post(BATCHES, sent);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        JsonNode error = JsonBody.MAPPER.readTree(answer.body()).path("error");
        assertThat(error.path("param").asText()).isEqualTo(param);
    }

    @Test
    void whatDoesNotExistIsNotFound() throws Exception {
        assertThat(server.get(BATCHES + "/batch_1").statusCode()).isEqualTo(404);
        assertThat(server.post(BATCHES + "/batch_1/cancel", "").statusCode()).isEqualTo(404);
        assertThat(server.get(BATCHES + "?status=x").statusCode()).isEqualTo(400);
    }

    @Test
    void aCancelledBatchKeepsWhatWasAnswered() throws Exception {
        String id = batches.create(completions(500, 100));
        batches.awaitRows(id, 1);
        JsonNode cancelling = server.json(server.post(BATCHES + "/" + id + "/cancel", ""));
        assertThat(cancelling.path("status").asText()).isEqualTo("cancelling");
        JsonNode batch = batches.awaitEnd(id);
        assertThat(batch.path("status").asText()).isEqualTo("cancelled");
        int completed = batch.path("request_counts").path("completed").asInt();
        assertThat(completed).isBetween(1, 499);
        assertThat(batches.lines(batch.path("output_file_id"))).hasSize(completed);
        assertThat(server.post(BATCHES + "/" + id + "/cancel", "").statusCode()).isEqualTo(400);
    }

    /** All slots are taken by rows, and there are more rows to come. */
    @Test
    void interactiveRequestsTakeTheSlotsOfRows() throws Exception {
        // Of different lengths, or all of them could end in the iteration in which the request comes.
        String id = batches.create(IntStream.range(0, 500)
                .mapToObj(i -> line("row-" + i, URL, completion("tiny", 130 + i % 8 * 10, i)))
                .collect(Collectors.joining()));
        while (metric("tandem_sequences_running") < 8) {
            Thread.sleep(5);
        }
        double before = metric("tandem_preemptions_total");
        JsonNode answer = server.json(server.post(URL, GOOD.replace("}", ",\"n\":8}")));
        assertThat(answer.path("choices")).hasSize(8);
        assertThat(metric("tandem_preemptions_total")).isGreaterThanOrEqualTo(before + 1);
        assertThat(metric("tandem_batch_tokens_total")).isPositive();
        assertThat(metric("tandem_batch_rows_waiting")).isPositive();
        server.json(server.post(BATCHES + "/" + id + "/cancel", ""));
        batches.awaitEnd(id);
    }

    private static double metric(String name) throws Exception {
        return server.get("/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith(name + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(name.length())))
                .findFirst()
                .orElseThrow();
    }
}
