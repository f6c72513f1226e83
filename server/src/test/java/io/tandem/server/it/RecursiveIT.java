package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.recursion.RecursiveConversion;
import io.tandem.kernels.recursion.SharedWeights;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.TinyModel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The server over a recursive model. */
@Timeout(180)
class RecursiveIT {
    private static final String CHAT = "{\"model\":\"tiny\",\"temperature\":0,\"max_tokens\":20,"
            + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";

    @TempDir
    private Path directory;

    private static String text(RunningServer server) throws Exception {
        JsonNode text = server.json(server.post("/v1/chat/completions", CHAT))
                .path("choices")
                .path(0)
                .path("message")
                .path("content");
        assertThat(text.isTextual()).isTrue();
        return text.asText();
    }

    @Test
    void aModelWithFactorsOfFullRankAnswersAsItsOriginal() throws Exception {
        Path base = directory.resolve("base");
        // The same model as the one that the server makes.
        TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).write(base);
        Path output = directory.resolve("tiny");
        new RecursiveConversion(ModelSource.open(base), 2, 1000, SharedWeights.AVERAGE)
                .write(output, (done, total, what) -> {});
        String expected;
        try (RunningServer server = RunningServer.start(Files.createDirectory(directory.resolve("plain")))) {
            expected = text(server);
        }
        try (RunningServer server = RunningServer.start(Files.createDirectory(directory.resolve("looped")), output)) {
            assertThat(text(server)).isEqualTo(expected);
        }
    }
}
