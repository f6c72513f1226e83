package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A server that is asked to end takes nothing new and ends what it has begun. */
@Timeout(180)
@DisabledOnOs(OS.WINDOWS)
class DrainIT {
    private static final String BODY = "{\"model\":\"tiny\",\"prompt\":\"Hi\",\"max_tokens\":5,\"ignore_eos\":true}";
    private static final String CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
    private static final int KILLED_BY_TERM = 128 + 15;
    private static final int ROWS = 1500;

    @TempDir
    private Path directory;

    /** A request whose body is not there yet: it runs for as long as the test wants. */
    private static Socket begin(ServeProcess server) throws IOException {
        Socket socket = new Socket("127.0.0.1", server.port());
        String head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Expect: 100-continue\r\nContent-Length: " + BODY.length() + "\r\n\r\n";
        socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
        // From then on the server counts it among those that run.
        assertThat(new String(socket.getInputStream().readNBytes(CONTINUE.length()), StandardCharsets.US_ASCII))
                .isEqualTo(CONTINUE);
        socket.getOutputStream().write(BODY.substring(0, 5).getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    @Test
    void whatRunsIsAnsweredAndNothingElse() throws Exception {
        try (ServeProcess server = ServeProcess.start(directory, "");
                Socket running = begin(server)) {
            server.terminate();
            server.awaitLog("draining: ");
            assertThat(server.log()).contains("SIGTERM", "waiting up to 30 s for 1 requests and 0 rows of batches");

            HttpResponse<String> ready = server.get("/ready");
            assertThat(ready.statusCode()).isEqualTo(503);
            assertThat(ready.headers().firstValue("Retry-After")).isPresent();
            assertThat(code(ready)).isEqualTo("shutting_down");
            assertThat(server.get("/health").statusCode())
                    .as("nobody should kill it")
                    .isEqualTo(200);
            HttpResponse<String> late = server.post("/v1/completions", BODY);
            assertThat(late.statusCode()).isEqualTo(503);
            assertThat(late.headers().firstValue("Retry-After")).isPresent();
            assertThat(late.headers().firstValue("Connection")).contains("close");
            assertThat(code(late)).isEqualTo("shutting_down");
            assertThat(server.post("/v1/fine_tuning/jobs", "{}").statusCode()).isEqualTo(503);
            assertThat(server.get("/v1/models").statusCode())
                    .as("looking is allowed")
                    .isEqualTo(200);

            running.getOutputStream().write(BODY.substring(5).getBytes(StandardCharsets.US_ASCII));
            RawHttp.Answer answer = RawHttp.read(running.getInputStream());
            assertThat(answer.status()).as(answer.body()).isEqualTo(200);
            assertThat(JsonBody.MAPPER
                            .readTree(answer.body())
                            .at("/usage/completion_tokens")
                            .asInt())
                    .isEqualTo(5);
            assertThat(server.awaitEnd()).as(server.log()).isZero();
            assertThat(server.log()).doesNotContain("cut off", "ERROR");
        }
    }

    private static String code(HttpResponse<String> answer) throws IOException {
        return JsonBody.MAPPER.readTree(answer.body()).at("/error/code").asText();
    }

    @Test
    void aRequestThatDoesNotEndIsCutOff() throws Exception {
        try (ServeProcess server = ServeProcess.start(directory, "server: {drain-timeout: 1}");
                Socket running = begin(server)) {
            server.terminate();
            assertThat(server.awaitEnd()).as(server.log()).isZero();
            assertThat(server.log()).contains("1 requests and 0 rows of batches have not ended within 1 s");
            assertThat(running.getInputStream().readAllBytes()).isEmpty();
        }
    }

    @Test
    void aSecondSignalEndsItAtOnce() throws Exception {
        try (ServeProcess server = ServeProcess.start(directory, "server: {drain-timeout: 600}");
                Socket running = begin(server)) {
            server.terminate();
            server.awaitLog("draining: ");
            assertThat(running.isConnected()).isTrue();
            server.terminate();
            assertThat(server.awaitEnd()).as(server.log()).isEqualTo(KILLED_BY_TERM);
        }
    }

    /** From before libtorch is there to after its scripts are compiled. */
    @ParameterizedTest
    @ValueSource(ints = {0, 150, 400, 800})
    void aServerThatIsStillLoadingEndsToo(int millis) throws Exception {
        try (ServeProcess server = ServeProcess.begin(directory, "")) {
            server.awaitLog("loading ");
            Thread.sleep(millis);
            server.terminate();
            assertThat(server.awaitEnd()).as(server.log()).isZero();
            assertThat(server.log())
                    .contains("SIGTERM")
                    // A model this small may be there before the signal is.
                    .containsAnyOf("stopped while the model was loading", "draining: ")
                    .doesNotContain("ERROR", "Exception");
            assertThat(directory.toFile().list((folder, name) -> name.startsWith("hs_err")))
                    .isEmpty();
        }
    }

    @Test
    void jobsAndBatchesGoOnAfterTheNextStart() throws Exception {
        String job;
        String batch;
        try (RunningServer server = RunningServer.start(directory, 48)) {
            // Files need a form, which only this client sends.
            String file = server.upload("train.jsonl", TrainingFiles.chats(60));
            batch = new BatchRequests(server).upload(BatchRequests.completions(ROWS, 40));
            job = "{\"model\":\"tiny\",\"training_file\":\"" + file
                    + "\",\"seed\":5,\"hyperparameters\":{\"n_epochs\":50,\"batch_size\":4,\"checkpoint_every\":7}}";
        }
        try (ServeProcess server = ServeProcess.start(directory, "")) {
            job = id(server.post("/v1/fine_tuning/jobs", job));
            batch = id(server.post("/v1/batches", BatchRequests.request(batch, "/v1/completions")));
            while (completed(server, batch) == 0 || !events(server, job).contains("Step 7/")) {
                Thread.sleep(10);
            }
            server.terminate();
            assertThat(server.awaitEnd()).as(server.log()).isZero();
            assertThat(server.log())
                    .contains("1 fine-tuning jobs then leave checkpoints")
                    .doesNotContain("cut off", "ERROR");
        }
        try (RunningServer server = RunningServer.start(directory, 48)) {
            BatchRequests batches = new BatchRequests(server);
            assertThat(batches.get(batch)
                            .path("request_counts")
                            .path("completed")
                            .asInt())
                    .isBetween(1, ROWS - 1);
            JsonNode ended = batches.awaitEnd(batch);
            assertThat(ended.path("status").asText()).isEqualTo("completed");
            assertThat(ended.path("error_file_id").isNull())
                    .as("no row has failed")
                    .isTrue();
            Set<String> rows = new HashSet<>();
            batches.lines(ended.path("output_file_id"))
                    .forEach(line -> rows.add(line.path("custom_id").asText()));
            assertThat(rows).hasSize(ROWS);
            assertThat(server.get("/v1/fine_tuning/jobs/" + job + "/events?limit=1000")
                            .body())
                    .contains("goes on after step");
            server.post("/v1/fine_tuning/jobs/" + job + "/cancel", "");
        }
    }

    /** Every iteration of a server whose limit is a microsecond stands still. */
    @Test
    void anIterationThatTakesTooLongIsWrittenDown() throws Exception {
        try (ServeProcess server = ServeProcess.start(directory, "server: {stall-timeout: 0.000001}")) {
            // An iteration may have ended before its threads are written down.
            while (Arrays.stream(server.log().split("server.stall-timeout"))
                    .noneMatch(
                            dump -> dump.contains("IterationLoop.iterate") && dump.contains("\"engine\" RUNNABLE"))) {
                assertThat(server.post("/v1/completions", BODY.replace(":5,", ":200,"))
                                .statusCode())
                        .isEqualTo(200);
            }
            assertThat(server.log()).contains("server.stall-timeout");
            assertThat(server.get("/metrics").body()).containsPattern("(?m)^tandem_engine_stalls_total [1-9]");
        }
    }

    private static String id(HttpResponse<String> answer) throws IOException {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return JsonBody.MAPPER.readTree(answer.body()).path("id").asText();
    }

    private static int completed(ServeProcess server, String batch) throws Exception {
        JsonNode object = JsonBody.MAPPER.readTree(
                server.get(BatchRequests.BATCHES + "/" + batch).body());
        return object.path("request_counts").path("completed").asInt();
    }

    private static String events(ServeProcess server, String job) throws Exception {
        return server.get("/v1/fine_tuning/jobs/" + job + "/events?limit=1000").body();
    }
}
