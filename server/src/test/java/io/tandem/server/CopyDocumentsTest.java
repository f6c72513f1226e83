package io.tandem.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.storage.DataDirectory;
import io.tandem.server.storage.EarlierData;
import io.tandem.server.storage.Storage;
import io.tandem.server.storage.StoredData;
import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.storage.document.Documents;
import io.tandem.server.storage.document.PostgresAddress;
import io.tandem.server.storage.document.PostgresDocuments;
import io.tandem.server.storage.document.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** From SQLite to PostgreSQL. */
@Timeout(120)
class CopyDocumentsTest {
    @TempDir
    private Path directory;

    private static String state(Documents documents) throws IOException {
        TreeMap<String, Object> state = new TreeMap<>();
        for (String collection : List.of(
                "files",
                "jobs",
                "adapters",
                "adapter-reports",
                "checkpoints",
                "batches",
                "tenants",
                "usage",
                "store")) {
            state.put(collection, documents.list(collection, ""));
        }
        for (Documents.Document job : documents.list("jobs", "")) {
            for (String log : List.of("events/", "steps/")) {
                state.put(
                        log + job.id(),
                        documents.oldest(log + job.id(), 0, 10_000).stream()
                                .map(Documents.Line::text)
                                .toList());
            }
        }
        return state.toString();
    }

    @Test
    void everythingIsCopiedOnce() throws IOException {
        Path data = directory.resolve("data");
        EarlierData.unpack(directory);
        String before;
        try (DataDirectory opened = DataDirectory.open(data);
                Storage storage = StoredData.open(data)) {
            storage.requireOneOwner();
            opened.upgrade(storage);
        }
        try (Documents sqlite = StoredData.documentsOf(data)) {
            before = state(sqlite);
        }
        assertThat(before).contains("The job has succeeded", "acme");
        try (TestPostgres postgres = TestPostgres.start(directory.resolve("pg"))) {
            Path settings = Files.writeString(
                    directory.resolve("tandem.yaml"),
                    "data: " + data + "\nstorage: {documents: \"" + postgres.address() + "\"}\n");
            MainTest.Said said = MainTest.run("copy-documents", "--config", settings.toString());
            assertThat(said.err()).isEmpty();
            assertThat(said.out()).contains("documents were copied to localhost/postgres", "documents.db.copied");
            MainTest.Said again = MainTest.run("copy-documents", "--config", settings.toString());
            assertThat(again.status()).isNotZero();
            assertThat(again.err()).contains("documents.db to copy");
            Files.copy(data.resolve("documents.db.copied"), data.resolve("documents.db"));
            MainTest.Said twice = MainTest.run("copy-documents", "--config", settings.toString());
            assertThat(twice.err()).contains("has documents already");
            assertThat(data.resolve("documents.db")).exists();
            try (Documents copied = PostgresDocuments.open(new PostgresAddress(postgres.address(), Optional.empty()));
                    Storage storage = new Storage(copied, new DiskBlobs(data))) {
                assertThat(state(copied)).isEqualTo(before);
                storage.requireOneOwner();
                assertThat(StoredData.files(storage).list()).hasSize(5);
            }
        }
    }

    @Test
    void blobsOfAnotherDatabaseAreNotTouched() throws IOException {
        Path data = Files.createDirectory(directory.resolve("data"));
        try (Storage storage = StoredData.open(data)) {
            storage.requireOneOwner();
            storage.requireOneOwner();
        }
        try (Stream<Path> files = Files.list(data)) {
            for (Path file : files.filter(path -> path.toString().contains("documents.db"))
                    .toList()) {
                Files.delete(file);
            }
        }
        try (Storage storage = StoredData.open(data)) {
            assertThatThrownBy(storage::requireOneOwner)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("another database");
        }
    }

    @Test
    void withoutADatabaseThereIsNothingToCopyTo() {
        MainTest.Said said = MainTest.run("copy-documents", "--data", directory.toString());
        assertThat(said.status()).isNotZero();
        assertThat(said.err()).contains("storage.documents names no database");
    }
}
