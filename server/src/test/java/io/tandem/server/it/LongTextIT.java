package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Bodies that are large, over real sockets: each gets an answer, and the server goes on. */
@Timeout(120)
class LongTextIT {
    private static final JsonMapper JSON = new JsonMapper();
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    @TempDir
    static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws IOException {
        server = RunningServer.start(directory);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void refusesAPromptThatCannotFitByItsBytes() throws Exception {
        for (String text :
                List.of(" ".repeat(1_000_000), "a".repeat(1_000_000), "漢".repeat(300_000), "\u0000".repeat(100_000))) {
            JsonNode error = refused("/v1/completions", Map.of("model", RunningServer.MODEL, "prompt", text), 400);
            assertThat(error.path("code").asText()).isEqualTo("context_length_exceeded");
            assertThat(error.path("param").asText()).isEqualTo("prompt");
            assertThat(error.path("message").asText()).contains("maximum context length of " + RunningServer.CONTEXT);
        }
        assertAnswers();
    }

    @Test
    void refusesAChatThatCannotFitByItsBytes() throws Exception {
        List<Map<String, String>> messages =
                Collections.nCopies(4096, Map.of("role", "user", "content", "x".repeat(200)));
        JsonNode error =
                refused("/v1/chat/completions", Map.of("model", RunningServer.MODEL, "messages", messages), 400);
        assertThat(error.path("code").asText()).isEqualTo("context_length_exceeded");
        assertThat(error.path("param").asText()).isEqualTo("messages");
        assertAnswers();
    }

    @Test
    void refusesABodyOfVeryManyNames() throws Exception {
        String names =
                IntStream.range(0, 80_000).mapToObj(i -> "\"k" + i + "\":1").collect(Collectors.joining(","));
        assertThat(send("/v1/completions", "{" + names + "}").statusCode()).isEqualTo(400);
        assertThat(send("/v1/fine_tuning/jobs", "{" + names + "}").statusCode()).isEqualTo(400);
        assertThat(send("/v1/adapters/merge", "{" + names + "}").statusCode()).isEqualTo(400);
        String values = "{\"metadata\":[" + "1,".repeat(520_000) + "1]}";
        assertThat(send("/v1/chat/completions", values).statusCode()).isIn(400, 413);
        assertAnswers();
    }

    @Test
    void answersAtOnceForANameThatIsLong() throws Exception {
        JsonNode error = refused("/v1/completions", Map.of("model", "x".repeat(1000), "prompt", "a"), 404);
        assertThat(error.path("message").asText()).contains(RunningServer.MODEL);
    }

    @Test
    void answersAllOfManyLongPromptsAtOnce() throws Exception {
        String body = JSON.writeValueAsString(Map.of("model", RunningServer.MODEL, "prompt", "a ".repeat(400_000)));
        List<CompletableFuture<Integer>> answers = Stream.generate(
                        () -> CLIENT.sendAsync(request("/v1/completions", body), HttpResponse.BodyHandlers.ofString())
                                .thenApply(HttpResponse::statusCode))
                .limit(24)
                .toList();
        for (CompletableFuture<Integer> answer : answers) {
            assertThat(answer.get()).isIn(400, 429);
        }
        assertAnswers();
    }

    private static JsonNode refused(String path, Map<String, ?> body, int status) throws Exception {
        HttpResponse<String> answer = send(path, JSON.writeValueAsString(body));
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        return JSON.readTree(answer.body()).path("error");
    }

    private static void assertAnswers() throws Exception {
        Map<String, ?> body = Map.of("model", RunningServer.MODEL, "prompt", "a", "max_tokens", 1);
        assertThat(send("/v1/completions", JSON.writeValueAsString(body)).statusCode())
                .isEqualTo(200);
    }

    private static HttpResponse<String> send(String path, String body) throws Exception {
        return CLIENT.send(request(path, body), HttpResponse.BodyHandlers.ofString());
    }

    private static HttpRequest request(String path, String body) {
        return HttpRequest.newBuilder(URI.create(server.url() + path))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
    }
}
