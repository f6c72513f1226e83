package io.tandem.server.finetune;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class JobServiceTest {
    @TempDir
    private Path root;

    private JobBench bench;

    @BeforeEach
    void open() throws IOException {
        bench = JobBench.open(root);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void aJobsAdapterCanBeCalledAndItsTableIsAFile() throws IOException {
        String id = bench.create("");
        ObjectNode job = bench.succeed(id, 1);
        assertThat(job.path("status").asText()).isEqualTo("succeeded");
        assertThat(bench.library.names())
                .containsExactly(job.path("fine_tuned_model").asText());
        assertThat(bench.files.find(job.path("result_files").path(0).asText())).isPresent();
        assertThat(bench.said(id, "warn")).isEmpty();
    }

    @Test
    void aJobWhoseTableIsMissingSucceedsWithoutIt() throws IOException {
        String id = bench.create("");
        Files.delete(bench.folder(id).resolve("metrics.csv"));
        assertSucceedsWithoutTable(id);
    }

    @Test
    void aJobWhoseTableCannotBeReadSucceedsWithoutIt() throws IOException {
        String id = bench.create("");
        Files.delete(bench.folder(id).resolve("metrics.csv"));
        Files.createDirectory(bench.folder(id).resolve("metrics.csv"));
        assertSucceedsWithoutTable(id);
    }

    @Test
    void aJobWhoseTableCannotBeWrittenSucceedsWithoutIt() throws IOException {
        String id = bench.create("");
        Files.move(bench.root.resolve("files"), root.resolve("elsewhere"));
        Files.writeString(bench.root.resolve("files"), "in the way");
        assertSucceedsWithoutTable(id);
    }

    private void assertSucceedsWithoutTable(String id) {
        ObjectNode job = bench.succeed(id, 1);
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        assertThat(job.path("result_files")).isEmpty();
        assertThat(bench.library.names())
                .containsExactly(job.path("fine_tuned_model").asText());
        assertThat(bench.said(id, "warn"))
                .singleElement()
                .asString()
                .contains("no result file")
                .doesNotContain(root.toString());
    }

    @Test
    void anAdapterThatCannotBeWrittenFailsItsJobWithoutNamingPlaces() throws IOException {
        String id = bench.create("");
        Files.delete(bench.root.resolve("adapters"));
        Files.writeString(bench.root.resolve("adapters"), "in the way");
        ObjectNode job = bench.succeed(id, 1);
        assertThat(job.path("status").asText()).isEqualTo("failed");
        assertThat(job.path("error").path("message").asText())
                .contains("adapter could not be written")
                .doesNotContain(root.toString());
    }
}
