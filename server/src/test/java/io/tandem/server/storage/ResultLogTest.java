package io.tandem.server.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.storage.document.SqliteDocuments;
import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultLogTest {
    private static final String LOG = "results/batch_1/output.jsonl";

    @TempDir
    private Path directory;

    private FailingDocuments documents;
    private Storage storage;

    @BeforeEach
    void open() throws IOException {
        documents = new FailingDocuments(SqliteDocuments.open(directory.resolve("documents.db"), directory));
        storage = new Storage(documents, new DiskBlobs(directory));
    }

    @AfterEach
    void close() {
        storage.close();
    }

    private List<String> heads() throws IOException {
        List<String> heads = new ArrayList<>();
        ResultLog.open(storage, LOG, heads::add);
        return heads;
    }

    @Test
    void linesComeBackInTheirOrderAndAsAFile() throws IOException {
        ResultLog log = ResultLog.open(storage, LOG, head -> {});
        List<String> lines = IntStream.range(0, 250)
                .mapToObj(i -> "{\"id\":" + i + ",\"text\":\"zwölf" + "x".repeat(i) + "\"}")
                .toList();
        for (String line : lines) {
            log.append(line);
        }
        assertThat(heads()).isEmpty();
        log.force();
        assertThat(heads()).hasSize(250).allMatch(head -> head.length() <= 64);
        Path file = directory.resolve("file");
        ResultLog.copy(storage, LOG, file);
        assertThat(Files.readAllLines(file)).isEqualTo(lines);
    }

    @Test
    void aLineThatIsDamagedIsLeftOutAndWrittenAgain() throws IOException {
        ResultLog.open(storage, LOG, head -> {}).write("{\"id\":\"one\"}");
        StoredData.append(directory, LOG, "{\"id\":\"tw");
        StoredData.append(directory, LOG, "");
        assertThat(heads()).containsExactly("{\"id\":\"one\"}");
        ResultLog.open(storage, LOG, head -> {}).write("{\"id\":\"two\"}");
        assertThat(heads()).containsExactly("{\"id\":\"one\"}", "{\"id\":\"two\"}");
    }

    @Test
    void whatWasNeverWrittenIsEmpty() throws IOException {
        ResultLog log = ResultLog.open(storage, LOG, head -> {});
        assertThat(log.empty()).isTrue();
        log.append("{}");
        assertThat(log.empty()).isFalse();
    }

    /** Whether a database that goes away has written a line is not known; there is one line in the end. */
    @Test
    void aLineOfWhichNobodyKnowsIsThereOnce() throws IOException {
        ResultLog log = ResultLog.open(storage, LOG, head -> {});
        log.write("{\"id\":0}");
        for (boolean written : new boolean[] {false, true}) {
            documents.fillDisk();
            documents.failWith(() -> new UnreachableException("away", new IOException()));
            String line = "{\"id\":\"" + written + "\"}";
            assertThatThrownBy(() -> log.write(line)).isInstanceOf(UnreachableException.class);
            if (written) {
                StoredData.append(directory, LOG, line);
            }
            documents.makeRoom();
            log.write(line);
        }
        log.write("{\"id\":3}");
        assertThat(heads()).containsExactly("{\"id\":0}", "{\"id\":\"false\"}", "{\"id\":\"true\"}", "{\"id\":3}");
    }
}
