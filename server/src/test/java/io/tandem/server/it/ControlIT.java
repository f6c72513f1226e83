package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Control for alignment: an adapter for each preference, and then one that is trained under all of them. */
@Timeout(60)
class ControlIT {
    private static final Path SAMPLE = Path.of("../config/models/sample");
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final List<String> QUESTIONS = List.of("May I come in?", "Is it late?", "Do you like tea?");

    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory, SAMPLE);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** Lines that answer every question in one way. */
    private static Stream<String> lines(String answer, String rest) {
        return QUESTIONS.stream()
                .map(question -> "{\"messages\":[{\"role\":\"user\",\"content\":\"" + question
                        + "\"},{\"role\":\"assistant\",\"content\":\"" + answer + "\"}]" + rest + "}\n");
    }

    private static String body(String suffix, Stream<String> lines, String hyperparameters) throws Exception {
        String file = server.upload("train.jsonl", lines.collect(Collectors.joining()));
        return "{\"model\":\"sample\",\"seed\":1,\"suffix\":\"" + suffix + "\",\"training_file\":\"" + file
                + "\",\"hyperparameters\":{\"batch_size\":6,\"rank\":4,\"learning_rate\":0.01,\"warmup_steps\":0,"
                + hyperparameters + "}}";
    }

    private static JsonNode ended(String body) throws Exception {
        String path =
                JOBS + "/" + server.json(server.post(JOBS, body)).path("id").asText();
        JsonNode job = server.json(server.get(path));
        while (job.path("finished_at").isNull()) {
            Thread.sleep(50);
            job = server.json(server.get(path));
        }
        return job;
    }

    private static String trained(String suffix, String answer) throws Exception {
        JsonNode job = ended(body(suffix, lines(answer, ""), "\"n_epochs\":8"));
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        return job.path("fine_tuned_model").asText();
    }

    private static List<String> answers(String model) throws Exception {
        List<String> answers = new ArrayList<>();
        for (String question : QUESTIONS) {
            String body = "{\"model\":\"" + model + "\",\"temperature\":0,\"max_tokens\":12,"
                    + "\"messages\":[{\"role\":\"user\",\"content\":\"" + question + "\"}]}";
            answers.add(server.json(server.post("/v1/chat/completions", body))
                    .at("/choices/0/message/content")
                    .asText());
        }
        return answers;
    }

    private static List<JsonNode> events(JsonNode job) throws Exception {
        JsonNode events = server.json(server.get(JOBS + "/" + job.path("id").asText() + "/events?limit=1000"));
        return StreamSupport.stream(events.path("data").spliterator(), false).toList();
    }

    @Test
    void oneAdapterServesUnderTheControlThatARequestPicks() throws Exception {
        String polite = trained("polite", "yes");
        String curt = trained("curt", "no");
        String controls = "\"controls\":{\"polite\":\"" + polite + "\",\"curt\":\"" + curt + "\"}";
        Stream<String> both = Stream.concat(
                lines("yes, my dear friend", ",\"control\":\"polite\""), lines("no", ",\"control\":\"curt\""));
        String body = body("tone", both, "\"n_epochs\":25," + controls);
        JsonNode preview = server.json(server.post(JOBS + "/dry_run", body));
        assertThat(preview.at("/preview/0/control").asText()).isEqualTo("polite");
        assertThat(preview.at("/training_file/controls/curt").asInt()).isEqualTo(3);
        JsonNode job = ended(body);
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        assertThat(job.at("/hyperparameters/controls/curt").asText()).startsWith(curt + "@");
        List<JsonNode> events = events(job);
        assertThat(events).anyMatch(event -> event.path("message").asText().contains("under " + polite + "@"));
        List<Double> losses = events.stream()
                .filter(event -> event.path("data").has("train_loss"))
                .map(event -> event.path("data").path("train_loss").asDouble())
                .toList();
        // The newest event is the first.
        assertThat(losses.get(0)).isLessThan(losses.get(losses.size() - 1) / 4);
        String tone = job.path("fine_tuned_model").asText();
        assertThat(answers(polite + "+" + tone)).containsOnly("yes, my dear friend");
        assertThat(answers(curt + "+" + tone)).containsOnly("no");
        // It is bound to neither.
        assertThat(server.json(server.get("/v1/adapters/" + tone)).at("/versions/0/under"))
                .isEmpty();
    }

    private static Stream<String> pairs(String preferred, String other, String control) {
        return QUESTIONS.stream()
                .map(question -> "{\"input\":{\"messages\":[{\"role\":\"user\",\"content\":\"" + question
                        + "\"}]},\"preferred_output\":[{\"role\":\"assistant\",\"content\":\"" + preferred
                        + "\"}],\"non_preferred_output\":[{\"role\":\"assistant\",\"content\":\"" + other
                        + "\"}],\"control\":\"" + control + "\"}\n");
    }

    /** The pairs contradict each other, so only an adapter that stands on the controls can learn both. */
    @Test
    void preferencesMayDependOnTheControl() throws Exception {
        String warm = trained("warm", "yes");
        String cold = trained("cold", "no");
        String file = server.upload(
                "pairs.jsonl",
                Stream.concat(pairs("sure", "never", "warm"), pairs("never", "sure", "cold"))
                        .collect(Collectors.joining()));
        JsonNode job = ended("{\"model\":\"sample\",\"seed\":1,\"suffix\":\"mood\",\"training_file\":\"" + file
                + "\",\"method\":{\"type\":\"dpo\",\"dpo\":{\"hyperparameters\":{\"n_epochs\":30,\"batch_size\":6,"
                + "\"rank\":4,\"beta\":0.5,\"learning_rate\":0.01,\"warmup_steps\":0,\"controls\":{\"warm\":\"" + warm
                + "\",\"cold\":\"" + cold + "\"}}}}}");
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        List<JsonNode> steps = events(job).stream()
                .map(event -> event.path("data"))
                .filter(data -> data.has("train_loss"))
                .toList();
        // The newest event is the first.
        assertThat(steps.get(0).path("train_loss").asDouble()).isLessThan(0.3);
        assertThat(steps.get(0).path("train_reward_accuracy").asDouble()).isEqualTo(1);
    }

    @Test
    void whatDoesNotFitTheControlsIsRefused() throws Exception {
        String adapter = trained("plain", "yes");
        JsonNode wrong = ended(body(
                "wrong",
                Stream.concat(lines("yes", ",\"control\":\"polite\""), lines("no", "")),
                "\"controls\":{\"polite\":\"" + adapter + "\"}"));
        assertThat(wrong.at("/error/message").asText())
                .contains("'training_file' has 3 wrong lines")
                .contains("line 4: has no control, expected one of polite");
        String twice = "\"under\":[\"" + adapter + "\"],\"controls\":{\"polite\":\"" + adapter + "\"}";
        assertThat(server.post(JOBS, body("twice", lines("yes", ",\"control\":\"polite\""), twice))
                        .body())
                .contains("is below all examples already");
    }
}
