package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Change;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Jobs whose modules get their ranks while they train. */
@Timeout(120)
class RankGrowthIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final int MODULES = 14;

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static JobClient jobs;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
        jobs = new JobClient(server);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static HttpResponse<String> create(String hyperparameters) throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        return server.post(
                JOBS,
                "{\"model\":\"tiny\",\"seed\":5,\"training_file\":\"" + file + "\",\"hyperparameters\":{"
                        + hyperparameters + "}}");
    }

    private static List<String> growths(String id) throws Exception {
        return jobs.messages(id).stream()
                .filter(message -> message.contains(" grew. "))
                .toList();
    }

    /** The events tell who grew and what came of it, and the adapter has those ranks. */
    @ParameterizedTest
    @CsvSource({
        "increlora, '\"growth_warmup\":3,\"growth_interval\":2,\"growth_modules\":5', 3",
        "triadaptlora, '\"growth_warmup\":3,\"growth_interval\":2,\"growth_threshold\":\"exponential\"', 3",
        "triadaptlora, '', 4",
    })
    void ranksGrowAsTheEventsTell(String peft, String settings, int first) throws Exception {
        String hyperparameters = "\"n_epochs\":4,\"batch_size\":4,\"rank\":4,\"peft\":\"" + peft + "\""
                + (settings.isEmpty() ? "" : ",") + settings;
        String id = server.json(create(hyperparameters)).path("id").asText();
        Adapter adapter = jobs.adapter(jobs.succeeded(id));
        int total = adapter.modules().values().stream().mapToInt(Change::rank).sum();
        assertThat(total).isBetween(4 * MODULES - 1, 4 * MODULES);
        assertThat(adapter.modules().values()).extracting(Change::rank).allMatch(rank -> rank <= 8);
        List<String> growths = growths(id);
        assertThat(growths.get(0)).startsWith("Step " + first + ": layers.");
        assertThat(growths.get(growths.size() - 1)).contains("The adapter has " + total);
        long largest = adapter.modules().values().stream()
                .filter(change -> change.rank() == adapter.maxRank())
                .count();
        assertThat(growths.get(growths.size() - 1)).contains(largest + " with " + adapter.maxRank());
        String answer = server.post(
                        "/v1/completions",
                        "{\"model\":\""
                                + jobs.succeeded(id).path("fine_tuned_model").asText()
                                + "\",\"prompt\":\"a\",\"max_tokens\":4}")
                .body();
        assertThat(answer).contains("text_completion");
    }

    @Test
    void thereMustBeRoomForTwiceTheAverage() throws Exception {
        HttpResponse<String> refused = create("\"peft\":\"increlora\",\"rank\":9");
        assertThat(refused.statusCode()).isEqualTo(400);
        assertThat(refused.body())
                .contains("'rank' is 9, increlora takes at most 8 where kernels.max-rank is 16", "\"param\":\"rank\"");
    }
}
