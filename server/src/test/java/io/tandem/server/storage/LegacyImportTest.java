package io.tandem.server.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.storage.document.SqliteDocuments;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class LegacyImportTest {
    @TempDir
    private Path directory;

    private Path root;

    @BeforeEach
    void unpack() throws IOException {
        root = directory.resolve("data");
        EarlierData.unpack(directory);
    }

    private void upgrade() throws IOException {
        try (DataDirectory data = DataDirectory.open(root);
                Storage storage = StoredData.open(root)) {
            data.upgrade(storage);
        }
    }

    /** Everything in the database, and where files are. */
    private List<String> state() throws IOException {
        List<String> state = new ArrayList<>();
        for (List<String> names : StoredData.documents(root)) {
            state.add(names + " " + StoredData.read(root, names.get(0), names.get(1)));
            state.add(StoredData.lines(root, "events/" + names.get(1)) + " events of " + names.get(1));
        }
        try (Stream<Path> tree = Files.walk(root)) {
            tree.filter(file -> Files.isRegularFile(file)
                            && !file.getFileName().toString().startsWith("documents.db"))
                    .map(file -> root.relativize(file).toString())
                    .filter(file -> !file.startsWith("scratch"))
                    .sorted()
                    .forEach(state::add);
        }
        return state;
    }

    @Test
    void whereverItIsInterruptedTheNextStartGoesOn() throws IOException {
        upgrade();
        List<String> whole = state();
        assertThat(whole).anyMatch(line -> line.startsWith("[jobs, ")).anyMatch(line -> line.startsWith("upgraded/"));
        upgrade();
        assertThat(state()).as("once").isEqualTo(whole);
        // Before anything is in the database.
        begin();
        try (DataDirectory data = DataDirectory.open(root)) {
            FailingDocuments documents = new FailingDocuments(SqliteDocuments.open(data.database(), data.uploads()));
            documents.fillDisk();
            try (Storage storage = new Storage(documents, new DiskBlobs(root))) {
                assertThatThrownBy(() -> data.upgrade(storage)).isInstanceOf(NotStoredException.class);
            }
        }
        assertThat(StoredData.documents(root)).isEmpty();
        upgrade();
        assertThat(state()).isEqualTo(whole);
        // When only some files are aside.
        for (String inTheWay : List.of("upgraded", "upgraded/jobs", "upgraded/batches")) {
            begin();
            Path file = root.resolve(inTheWay);
            Files.createDirectories(file.getParent());
            Files.writeString(file, "x");
            assertThatThrownBy(this::upgrade).isInstanceOf(IOException.class);
            Files.delete(file);
            upgrade();
            assertThat(state()).as(inTheWay).isEqualTo(whole);
        }
    }

    private void begin() throws IOException {
        AtomicFiles.delete(root);
        EarlierData.unpack(directory);
    }

    /** A damaged tenant may have had keys, so it is not forgotten; and nothing else suffers. */
    @Test
    void whatIsDamagedStaysSo() throws IOException {
        Files.createDirectories(root.resolve("tenants/default"));
        Files.writeString(root.resolve("tenants/default/tenant.json"), "{\"id\":\"def");
        Path job = root.resolve("jobs/ftjob-3345aab00c384b75899c4593/job.json");
        Files.delete(job);
        Files.createDirectory(job);
        Files.write(root.resolve("jobs/ftjob-fc61c9fa549a40109b0059c6/events.jsonl"), new byte[] {'{', 0, -1, '\n'});
        upgrade();
        try (Storage storage = StoredData.open(root)) {
            TenantStore.Loaded tenants = new TenantStore(storage).loadAll();
            assertThat(tenants.damaged()).isTrue();
            assertThat(tenants.tenants()).hasSize(1);
            assertThat(new JobStore(storage, root.resolve("jobs")).loadAll())
                    .extracting(object -> object.path("id").asText())
                    .containsExactly("ftjob-fc61c9fa549a40109b0059c6");
        }
    }

    /** They make a directory of what is a file now, and say so before they read or write anything. */
    @Test
    void earlierServersRefuseTheDirectory() throws IOException {
        DataDirectory.open(directory.resolve("new")).close();
        upgrade();
        for (Path one : List.of(root, directory.resolve("new"))) {
            assertThat(one.resolve("uploads")).isRegularFile().content().contains("newer Tandem", "operations.md");
            assertThatThrownBy(() -> AtomicFiles.createDirectories(one.resolve("uploads")))
                    .hasMessageContaining("uploads is not a directory");
        }
    }
}
