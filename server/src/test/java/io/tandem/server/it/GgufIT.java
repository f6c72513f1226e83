package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.testing.GgufModel;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The server over a GGUF file. */
@Timeout(120)
class GgufIT {
    private static final String CHAT = "{\"model\":\"tiny\",\"temperature\":0,\"max_tokens\":20,\"logprobs\":true,"
            + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";

    @TempDir
    private Path directory;

    /** The same model as the one that {@link RunningServer} makes. */
    private Path file() throws IOException {
        TinyModel tiny = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
        Path file = directory.resolve("tiny.gguf");
        new GgufModel("llama", tiny.config())
                .weights(tiny, GgufModel.Plain.F32)
                .file()
                .write(file);
        return file;
    }

    private static JsonNode choice(RunningServer server) throws Exception {
        return server.json(server.post("/v1/chat/completions", CHAT)).path("choices");
    }

    @Test
    void answersAsTheSameModelInADirectoryDoes() throws Exception {
        JsonNode expected;
        try (RunningServer server = RunningServer.start(Files.createDirectory(directory.resolve("plain")))) {
            expected = choice(server);
        }
        try (RunningServer server = RunningServer.start(Files.createDirectory(directory.resolve("gguf")), file())) {
            assertThat(server.get("/v1/models").body()).contains("\"id\":\"tiny\"");
            assertThat(choice(server)).isEqualTo(expected);
        }
    }
}
