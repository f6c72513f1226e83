package io.tandem.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.config.StorageConfig;
import io.tandem.server.storage.DataDirectory;
import io.tandem.server.storage.EarlierData;
import io.tandem.server.storage.Storage;
import io.tandem.server.storage.StoredData;
import io.tandem.server.storage.blob.S3Address;
import io.tandem.server.storage.blob.TestS3;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** From the data directory to a bucket. */
@Timeout(120)
class CopyBlobsTest {
    @TempDir
    private Path directory;

    private TestS3 store;

    @BeforeEach
    void start() throws IOException {
        store = TestS3.start(Files.createDirectory(directory.resolve("s3")));
        // Where AWS's libraries look too; a test cannot set variables.
        System.setProperty("aws.accessKeyId", TestS3.environment().get("AWS_ACCESS_KEY_ID"));
        System.setProperty("aws.secretAccessKey", TestS3.environment().get("AWS_SECRET_ACCESS_KEY"));
    }

    @AfterEach
    void stop() {
        System.clearProperty("aws.accessKeyId");
        System.clearProperty("aws.secretAccessKey");
        if (store != null) {
            store.close();
        }
    }

    private Path data() {
        return directory.resolve("data");
    }

    private StorageConfig config() {
        return new StorageConfig(Optional.empty(), Optional.of(S3Address.of(store.address("moved"))), 1 << 20);
    }

    private MainTest.Said copy() throws IOException {
        Path settings = Files.writeString(
                directory.resolve("tandem.yaml"),
                "data: " + data() + "\nstorage: {blobs: \"" + store.address("moved") + "\"}\n");
        return MainTest.run("copy-blobs", "--config", settings.toString());
    }

    /** All files but the database's, with their content. */
    private Map<String, String> content() throws IOException {
        Map<String, String> content = new TreeMap<>();
        try (Stream<Path> tree = Files.walk(data())) {
            for (Path file : tree.filter(Files::isRegularFile).toList()) {
                String name = data().relativize(file).toString();
                if (!name.startsWith("documents.db") && !name.startsWith("scratch/")) {
                    content.put(name, Files.readString(file, StandardCharsets.ISO_8859_1));
                }
            }
        }
        return content;
    }

    private static String text(Storage storage, String file) throws IOException {
        try (FileChannel channel = StoredData.files(storage).open(file).orElseThrow()) {
            ByteBuffer bytes = ByteBuffer.allocate((int) channel.size());
            while (bytes.hasRemaining() && channel.read(bytes) >= 0) {
                // On.
            }
            return new String(bytes.array(), StandardCharsets.ISO_8859_1);
        }
    }

    @Test
    void everythingIsCopiedAndStays() throws IOException {
        EarlierData.unpack(directory);
        assertThat(copy().err()).contains("earlier version's", "once");
        try (DataDirectory opened = DataDirectory.open(data())) {
            assertThatThrownBy(() -> Stores.open(config(), TestS3.environment(), opened))
                    .hasMessageContaining("earlier version's");
            Stores.open(StorageConfig.EMBEDDED, Map.of(), opened).close();
            assertThatThrownBy(() -> Stores.open(config(), TestS3.environment(), opened))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("are in the data directory, and not in s3://bucket/moved/")
                    .hasMessageContaining("tandem copy-blobs");
        }
        Map<String, String> before = content();
        MainTest.Said said = copy();
        assertThat(said.err()).isEmpty();
        assertThat(said.out()).contains("were copied to s3://bucket/moved/").doesNotContain("\n0 files");
        assertThat(content()).isEqualTo(before);
        assertThat(copy().out()).contains("0 files and directories were copied");
        // One that was interrupted goes on.
        Files.delete(store.objects("moved/manifests/store").get(0));
        Files.delete(store.objects("moved/manifests/files").get(0));
        assertThat(copy().out()).contains("2 files and directories were copied");
        try (DataDirectory opened = DataDirectory.open(data());
                Storage storage = Stores.open(config(), TestS3.environment(), opened)) {
            assertThat(StoredData.files(storage).list()).hasSize(5).allSatisfy(file -> {
                String id = file.path("id").asText();
                assertThat(text(storage, id)).isEqualTo(before.get("files/" + id + "/content"));
            });
        }
        // What a job has learned, and what it reads, is there in the same directories.
        assertThat(before.keySet().stream()
                        .filter(name -> name.matches("jobs/[^/]+/(files|checkpoints)/.*|adapters/.*|tenants/.*"))
                        .map(name -> name.substring(name.lastIndexOf('/') + 1))
                        .filter(name -> !name.equals("content") && !name.startsWith("file-")))
                .isNotEmpty()
                .allSatisfy(name -> assertThat(store.objects("moved/objects"))
                        .anyMatch(object -> object.endsWith(name)
                                || object.getParent().getParent().endsWith(name)));
    }

    @Test
    void aBucketOfAnotherServerIsNotTouched() throws IOException {
        for (String name : new String[] {"other", "data"}) {
            try (DataDirectory opened = DataDirectory.open(directory.resolve(name))) {
                Stores.open(name.equals("other") ? config() : StorageConfig.EMBEDDED, TestS3.environment(), opened)
                        .close();
            }
        }
        assertThat(copy().err()).contains("of another server");
        try (DataDirectory opened = DataDirectory.open(data())) {
            assertThatThrownBy(() -> Stores.open(config(), TestS3.environment(), opened))
                    .hasMessageContaining("another database of documents");
        }
    }

    /** Else it would take everything for lost. */
    @Test
    void aServerWithoutItsSettingDoesNotStart() throws IOException {
        try (DataDirectory opened = DataDirectory.open(data())) {
            Stores.open(config(), TestS3.environment(), opened).close();
            Stores.open(config(), TestS3.environment(), opened).close();
            assertThatThrownBy(() -> Stores.open(StorageConfig.EMBEDDED, Map.of(), opened))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("are in s3://bucket/moved/, and not in the data directory");
        }
        assertThat(copy().err()).contains("there are no files");
    }

    /** Else it would go on with what was there when it was copied. */
    @Test
    void aServerWithoutItsSettingDoesNotStartOnWhatWasCopied() throws IOException {
        try (DataDirectory opened = DataDirectory.open(data())) {
            Stores.open(StorageConfig.EMBEDDED, Map.of(), opened).close();
        }
        assertThat(copy().err()).isEmpty();
        try (DataDirectory opened = DataDirectory.open(data())) {
            // Until a server has used the bucket, nothing is only there.
            Stores.open(StorageConfig.EMBEDDED, Map.of(), opened).close();
            Stores.open(config(), TestS3.environment(), opened).close();
            assertThatThrownBy(() -> Stores.open(StorageConfig.EMBEDDED, Map.of(), opened))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("are in s3://bucket/moved/, and not in the data directory")
                    .hasMessageContaining("storage.blobs or TANDEM_BLOBS");
            Stores.open(config(), TestS3.environment(), opened).close();
        }
    }

    /** As where a disk is full and others hold what is large. */
    @Test
    void whatIsElsewhereByLinksIsCopiedToo() throws IOException {
        EarlierData.unpack(directory);
        try (DataDirectory opened = DataDirectory.open(data())) {
            Stores.open(StorageConfig.EMBEDDED, Map.of(), opened).close();
        }
        for (String moved : new String[] {"files", "adapters"}) {
            Path place = Files.move(data().resolve(moved), directory.resolve("other-" + moved));
            Files.createSymbolicLink(data().resolve(moved), place);
        }
        assertThat(copy().err()).isEmpty();
        assertThat(store.objects("moved/manifests/files")).hasSize(5);
        assertThat(store.objects("moved/manifests/adapters")).isNotEmpty();
    }

    /** Each of them is one blob, which would be there without its files. */
    @Test
    void aBlobThatIsALinkIsCopiedWithItsFiles() throws IOException {
        try (DataDirectory opened = DataDirectory.open(data())) {
            Stores.open(StorageConfig.EMBEDDED, Map.of(), opened).close();
        }
        Path elsewhere = Files.createDirectory(directory.resolve("elsewhere"));
        Files.writeString(elsewhere.resolve("adapter_config.json"), "{}");
        Files.createSymbolicLink(
                Files.createDirectories(data().resolve("adapters/a")).resolve("0123"), elsewhere);
        assertThat(copy().err()).isEmpty();
        assertThat(copy().out()).contains("0 files and directories were copied");
        assertThat(store.objects("moved/objects/adapters/a/0123"))
                .extracting(path -> path.getFileName().toString())
                .containsExactly("adapter_config.json");
    }

    @Test
    void withoutABucketThereIsNothingToCopyTo() {
        MainTest.Said said = MainTest.run("copy-blobs", "--data", directory.toString());
        assertThat(said.status()).isNotZero();
        assertThat(said.err()).contains("storage.blobs names no bucket");
    }
}
