package io.tandem.server.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultLogTest {
    @TempDir
    private Path directory;

    private List<String> reopened(Path file) throws Exception {
        List<String> heads = new ArrayList<>();
        ResultLog.open(file, heads::add).close();
        return heads;
    }

    /** A crash may cut a line at each of its bytes. */
    @Test
    void aLineThatWasCutIsGoneAndIsWrittenAgain() throws Exception {
        String first = "{\"id\":\"one\"}\n";
        byte[] second = "{\"id\":\"zwölf\"}\n".getBytes(StandardCharsets.UTF_8);
        for (int cut = 0; cut < second.length; cut++) {
            Path file = Files.writeString(directory.resolve("log"), first);
            Files.write(file, java.util.Arrays.copyOf(second, cut), java.nio.file.StandardOpenOption.APPEND);
            try (ResultLog log = ResultLog.open(file, head -> {})) {
                log.append("{\"id\":\"zwölf\"}");
                log.force();
            }
            assertThat(file).hasContent(first + new String(second, StandardCharsets.UTF_8));
            assertThat(reopened(file)).hasSize(2);
        }
    }

    @Test
    void zerosOfALostWriteAreLeftOut() throws Exception {
        Path file = Files.writeString(directory.resolve("log"), "{\"id\":1}\n{\"id\0\0\0}\n\0\0\0");
        assertThat(reopened(file)).containsExactly("{\"id\":1}");
        assertThat(file).hasContent("{\"id\":1}\n");
    }

    @Test
    void whatWasNeverWrittenIsEmpty() throws Exception {
        try (ResultLog log = ResultLog.open(directory.resolve("log"), head -> {})) {
            assertThat(log.empty()).isTrue();
            log.append("{}");
            assertThat(log.empty()).isFalse();
        }
    }
}
