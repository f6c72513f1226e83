package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A user that sends more than the queue holds gets 429s; another one that sends little gets answers. */
@Timeout(120)
class FairnessIT {
    private static final int MODEST = 25;

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private final HttpClient client = HttpClient.newHttpClient();

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private CompletableFuture<HttpResponse<String>> complete(String user, int prompts, int n, boolean stream) {
        String prompt = "[" + String.join(",", Collections.nCopies(prompts, "\"a\"")) + "]";
        String body = "{\"model\":\"tiny\",\"prompt\":" + prompt + ",\"n\":" + n
                + ",\"max_tokens\":10,\"ignore_eos\":true,\"stream\":" + stream + ",\"user\":\"" + user + "\"}";
        HttpRequest request = HttpRequest.newBuilder(URI.create(server.url() + "/v1/completions"))
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body))
                .build();
        return client.sendAsync(request, BodyHandlers.ofString());
    }

    /** Single requests, and batches that fill half of the queue each. */
    @ParameterizedTest
    @CsvSource({"250, 1, 1, false", "600, 1, 1, true", "6, 4, 9, false"})
    void anotherUsersFloodTakesNoPlaceFromWhoAsksForLittle(int requests, int prompts, int n, boolean stream)
            throws Exception {
        List<CompletableFuture<HttpResponse<String>>> flood = new ArrayList<>();
        for (int i = 0; i < requests; i++) {
            flood.add(complete("greedy", prompts, n, stream));
        }
        List<CompletableFuture<HttpResponse<String>>> modest = new ArrayList<>();
        for (int i = 0; i < MODEST; i++) {
            modest.add(complete("modest", 1, 1, false));
        }
        for (CompletableFuture<HttpResponse<String>> answer : modest) {
            assertThat(answer.get().statusCode()).as(answer.get().body()).isEqualTo(200);
        }
        int answered = 0;
        for (CompletableFuture<HttpResponse<String>> answer : flood) {
            int status = answer.get().statusCode();
            assertThat(status).as(answer.get().body()).isIn(200, 429);
            answered += status == 200 ? 1 : 0;
            boolean whole = status != 200 || !stream || answer.get().body().endsWith("data: [DONE]\n\n");
            assertThat(whole).as("a stream that has begun ends well").isTrue();
            if (status == 429) {
                assertThat(answer.get().headers().firstValue("Retry-After")).isPresent();
                assertThat(answer.get().body()).contains("rate_limit_error");
            }
        }
        assertThat(answered).isPositive();
    }

    @Test
    void moreAnswersThanThereArePlacesForAreRefusedForGood() throws Exception {
        HttpResponse<String> refused = complete("greedy", 5, 16, false).get();
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(400);
        assertThat(refused.body()).contains("\"param\":\"n\"").contains("max-queued-requests");
    }
}
