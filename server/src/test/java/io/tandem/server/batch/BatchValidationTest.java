package io.tandem.server.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that are too large for a test over a connection. */
class BatchValidationTest {
    private static final String URL = "/v1/embeddings";

    @TempDir
    private Path directory;

    private BatchValidation validated(String content, int maxLines) throws Exception {
        Path file = Files.writeString(directory.resolve("input"), content);
        BatchInput input = new BatchInput(FileChannel.open(file), URL, new BitSet());
        try (BatchValidation validation = new BatchValidation(input, maxLines)) {
            boolean more = true;
            while (more) {
                more = validation.step();
            }
            return validation;
        }
    }

    private static String line(String customId, String text) {
        return "{\"custom_id\":\"" + customId + "\",\"method\":\"POST\",\"url\":\"" + URL + "\",\"body\":{\"input\":\""
                + text + "\"}}\n";
    }

    private static String lines(int count) {
        return IntStream.range(0, count).mapToObj(i -> line("row" + i, "")).collect(Collectors.joining());
    }

    @Test
    void aLineThatIsTooLongIsItsOwnMistake() throws Exception {
        List<LineError> errors = validated(line("a", "") + line("b", "x".repeat(5 << 20)) + line("a", ""), 10)
                .errors();
        assertThat(errors).extracting(LineError::line).containsExactly(2, 3);
        assertThat(errors.get(0)).hasMessage("The line is longer than 4194304 bytes.");
    }

    @Test
    void asManyLinesAsTheLimitAreTaken() throws Exception {
        assertThat(validated(lines(1000), 1000).errors()).isEmpty();
        assertThat(validated(lines(1000), 1000).rows()).isEqualTo(1000);
        List<LineError> errors = validated(lines(1001), 1000).errors();
        assertThat(errors).extracting(LineError::code).containsExactly("too_many_tasks");
    }

    @Test
    void theFirstHundredMistakesAreToldOf() throws Exception {
        assertThat(validated("x\n".repeat(10_000), 1000).errors()).hasSize(100);
    }
}
