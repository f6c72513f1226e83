package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The model that comes with Tandem, served as it comes. */
@Timeout(120)
class SampleModelIT {
    private static final Path SAMPLE = Path.of("../config/models/sample");
    private static final long MAX_BYTES = 16_000_000;
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws IOException {
        server = RunningServer.start(directory, SAMPLE);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            What is 7 plus 8?               | 15
            What is the opposite of hot?    | cold
            What is the plural of cat?      | cats
            Spell the word garden.          | g a r d e n
            What colour is a lemon?         | yellow
            """)
    void answersWhatItsCardSays(String question, String answer) throws Exception {
        assertThat(ask(question)).isEqualTo(answer);
    }

    @Test
    void continuesAStory() throws Exception {
        ObjectNode body = JSON.createObjectNode();
        body.put("model", "sample")
                .put("prompt", "Once upon a time")
                .put("temperature", 0)
                .put("max_tokens", 200);
        JsonNode choice = server.json(server.post("/v1/completions", body.toString()))
                .path("choices")
                .path(0);
        assertThat(choice.path("finish_reason").asText()).isEqualTo("stop");
        List<String> sentences = List.of(choice.path("text").asText().split("(?<=[.!?]) "));
        assertThat(sentences)
                .hasSizeGreaterThan(5)
                .allSatisfy(sentence -> assertThat(sentence).matches("(?s)[,A-Z\"].*[.!?]\"?"));
    }

    /** The tour would prove nothing if the model had known it before. */
    @ParameterizedTest
    @CsvSource({"json", "pig-latin", "reverse"})
    void lacksTheSkillsOfTheTour(String skill) throws Exception {
        List<String> lines = Files.readAllLines(Path.of("../config/tour/" + skill + ".test.jsonl"))
                .subList(0, 30);
        int right = 0;
        for (String line : lines) {
            JsonNode messages = JSON.readTree(line).path("messages");
            String answer = ask(messages.path(0).path("content").asText());
            right += answer.equals(messages.path(1).path("content").asText()) ? 1 : 0;
        }
        assertThat(right).isLessThan(3);
    }

    @Test
    void isSmallEnoughToCommit() throws IOException {
        try (Stream<Path> files = Files.list(SAMPLE)) {
            assertThat(files.mapToLong(file -> file.toFile().length()).sum()).isLessThan(MAX_BYTES);
        }
    }

    private static String ask(String question) throws Exception {
        ObjectNode body = JSON.createObjectNode();
        body.put("model", "sample").put("temperature", 0).put("max_tokens", 40);
        body.putArray("messages").addObject().put("role", "user").put("content", question);
        return server.json(server.post("/v1/chat/completions", body.toString()))
                .path("choices")
                .path(0)
                .path("message")
                .path("content")
                .asText();
    }
}
