package io.tandem.server.storage.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Blobs in a bucket of a real store, which ends, refuses and loses things. */
class S3BlobsTest extends BlobsTest {
    private static final AtomicInteger PREFIXES = new AtomicInteger();
    private static final long CACHE_BYTES = 4 << 20;
    /** In parts from 6 MB on. */
    private static final Bucket.Sizes SIZES = new Bucket.Sizes(6 << 20, 5 << 20, 11 << 20);

    private static TestS3 store;

    private String prefix;

    @BeforeAll
    static void start(@TempDir Path directory) throws IOException {
        store = TestS3.start(directory);
    }

    @AfterAll
    static void end() {
        if (store != null) {
            store.close();
        }
    }

    @BeforeEach
    @Override
    void openFirst() throws IOException {
        prefix = "p" + PREFIXES.incrementAndGet();
        super.openFirst();
    }

    @Override
    S3Blobs open() throws IOException {
        Path scratch = Files.createDirectories(directory.resolve("scratch"));
        return S3Blobs.open(S3Address.of(store.address(prefix)), TestS3.environment(), scratch, CACHE_BYTES, SIZES);
    }

    @Override
    boolean keepsDirectoriesTogether() {
        return true;
    }

    /** With nothing on its disk. */
    private void forget() throws IOException {
        blobs.close();
        blobs = open();
    }

    private List<Path> manifests() throws IOException {
        return store.objects(prefix + "/manifests");
    }

    private List<Path> objects() throws IOException {
        return store.objects(prefix + "/objects");
    }

    private Path cache() {
        return directory.resolve("scratch/blobs");
    }

    private List<String> cached() throws IOException {
        try (var all = Files.list(cache())) {
            return all.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void nothingIsLeftOfWhatWasReplacedOrDeleted() throws IOException {
        put("a/1", "old");
        put("a/1", "new");
        blobs.put("a/2", directory(Map.of("x", "1", "y", "2")));
        assertThat(objects()).hasSize(3);
        assertThat(manifests()).hasSize(2);
        blobs.delete("a/1");
        blobs.delete("a/2");
        assertThat(objects()).isEmpty();
        assertThat(manifests()).isEmpty();
    }

    @Test
    void largeFilesGoInParts() throws IOException {
        byte[] content = new byte[(12 << 20) + 5];
        new Random(3).nextBytes(content);
        blobs.put("large/1", file -> Files.write(file, content));
        blobs.copy("large/1", "large/2");
        forget();
        for (String key : List.of("large/1", "large/2")) {
            assertThat(blobs.read(key, Files::readAllBytes)).as(key).isEqualTo(content);
        }
        // It was larger than the cache.
        assertThat(cached()).isEmpty();
    }

    @Test
    void objectsWithoutAManifestAreNothing() throws IOException {
        put("a/1", "text");
        blobs.put("a/b/2", directory(Map.of("x", "1")));
        for (Path manifest : manifests()) {
            Files.delete(manifest);
        }
        assertThat(blobs.exists("a/1")).isFalse();
        assertThat(blobs.list("a/")).isEmpty();
        assertThatThrownBy(() -> text("a/1")).isInstanceOf(NoSuchFileException.class);
        assertThat(blobs.delete("a/1")).isFalse();
        assertThat(blobs.delete("a/b")).isFalse();
        assertThat(objects()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "[]",
                "null",
                "{\"version\":1}",
                "{\"version\":2,\"generation\":\"G\",\"directory\":false,\"files\":[F]}",
                "{\"version\":1,\"generation\":\"../x\",\"directory\":false,\"files\":[F]}",
                "{\"version\":1,\"generation\":\"G\",\"directory\":false,\"files\":[F,F]}",
                "{\"version\":1,\"generation\":\"G\",\"directory\":true,\"files\":[{\"name\":\"../../x\",\"bytes\":1,"
                        + "\"sha256\":\"H\"}]}",
                "{\"version\":1,\"generation\":\"G\",\"directory\":true,\"files\":[{\"name\":\"/x\",\"bytes\":1,"
                        + "\"sha256\":\"H\"}]}",
                "{\"version\":1,\"generation\":\"G\",\"directory\":true,\"files\":[{\"name\":\"x\",\"bytes\":-1,"
                        + "\"sha256\":\"H\"}]}"
            })
    void aDamagedManifestHidesNothingElse(String manifest) throws IOException {
        put("a/1", "text");
        put("a/2", "text");
        Path damaged = manifests().get(0);
        String hash = "0".repeat(64);
        Files.writeString(
                damaged,
                manifest.replace("G", "0".repeat(32))
                        .replace("F", "{\"name\":\"content\",\"bytes\":1,\"sha256\":\"" + hash + "\"}")
                        .replace("H", hash));
        assertThatThrownBy(() -> text("a/1"))
                .isInstanceOf(DamagedBlobException.class)
                .hasMessageContaining("the manifest of a/1");
        assertThatThrownBy(() -> blobs.copy("a/1", "a/3")).isInstanceOf(DamagedBlobException.class);
        assertThat(text("a/2")).isEqualTo("text");
        assertThat(blobs.list("a/")).containsExactly("a/1", "a/2");
        put("a/1", "mended");
        assertThat(text("a/1")).isEqualTo("mended");
        assertThat(objects()).hasSize(2);
    }

    @Test
    void whatIsNotWhatTheManifestSaysIsNotRead() throws IOException {
        for (int i = 0; i < 4; i++) {
            put("a/" + i, "the text");
        }
        forget();
        List<Path> objects = objects();
        Files.writeString(objects.get(0), "the tex");
        Files.writeString(objects.get(1), "the texT");
        Files.writeString(objects.get(2), "the text and more");
        Files.delete(objects.get(3));
        for (int i = 0; i < 4; i++) {
            String key = "a/" + i;
            assertThatThrownBy(() -> text(key)).as(key).isInstanceOf(DamagedBlobException.class);
        }
        assertThatThrownBy(() -> blobs.copy("a/3", "a/4")).isInstanceOf(DamagedBlobException.class);
        assertThat(blobs.exists("a/4")).isFalse();
        assertThat(cached()).isEmpty();
    }

    @Test
    void copiesOnTheDiskAreLimitedAndStayWhileInUse() throws IOException {
        byte[] content = new byte[1 << 20];
        for (int i = 0; i < 6; i++) {
            blobs.put("a/" + i, file -> Files.write(file, content));
        }
        assertThat(cached()).hasSize(4);
        // Used last, so it stays.
        blobs.read("a/2", Files::size);
        List<String> before = cached();
        blobs.read("a/2", kept -> {
            for (int i = 5; i >= 0; i--) {
                blobs.read("a/" + i, Files::size);
            }
            assertThat(kept).exists();
            return null;
        });
        assertThat(cached()).hasSize(4).isNotEqualTo(before);
        byte[] huge = new byte[5 << 20];
        blobs.put("a/huge", file -> Files.write(file, huge));
        blobs.read("a/huge", file -> assertThat(file).hasSize(huge.length));
        assertThat(cached()).isEmpty();
    }

    @Test
    void aStoreThatIsAwayIsBackByItself() throws Exception {
        put("a/1", "text");
        int beforeMillis = 10_000;
        store.kill();
        try {
            for (int i = 0; i < 2; i++) {
                long start = System.nanoTime();
                assertThatThrownBy(() -> text("a/1"))
                        .isInstanceOf(UnreachableException.class)
                        .hasMessageContaining("object store does not answer");
                assertThatThrownBy(() -> put("a/2", "x")).isInstanceOf(UnreachableException.class);
                assertThatThrownBy(() -> blobs.delete("a/1")).isInstanceOf(UnreachableException.class);
                assertThatThrownBy(() -> blobs.exists("a/1")).isInstanceOf(UnreachableException.class);
                assertThatThrownBy(() -> blobs.list("a/")).isInstanceOf(UnreachableException.class);
                assertThatThrownBy(() -> blobs.copy("a/1", "a/3")).isInstanceOf(UnreachableException.class);
                assertThat((System.nanoTime() - start) / 1_000_000).isLessThan(beforeMillis);
            }
            assertThatThrownBy(this::open)
                    .isInstanceOf(IOException.class)
                    .isNotInstanceOf(UnreachableException.class)
                    .hasMessageContaining("the bucket s3://bucket/" + prefix);
        } finally {
            store.start();
        }
        while (true) {
            try {
                assertThat(text("a/1")).isEqualTo("text");
                break;
            } catch (UnreachableException e) {
                Thread.sleep(50);
            }
        }
        assertThat(blobs.list("a/")).containsExactly("a/1");
        put("a/2", "x");
        assertThat(text("a/2")).isEqualTo("x");
    }

    /** Wherever the store ends, what is there afterwards is whole, and the rest goes with its key. */
    @Test
    void aStoreThatIsKilledMeanwhileKeepsNothingHalf() throws Exception {
        byte[] content = new byte[30 << 20];
        new Random(4).nextBytes(content);
        put("a/0", "before");
        for (int millis : new int[] {20, 60, 150, 400}) {
            CompletableFuture<Boolean> putting = CompletableFuture.supplyAsync(() -> {
                try {
                    blobs.put("a/1", file -> {
                        Files.createDirectory(file);
                        Files.write(file.resolve("x"), content);
                        Files.writeString(file.resolve("y"), "small");
                    });
                    return true;
                } catch (UnreachableException e) {
                    return false;
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            });
            Thread.sleep(millis);
            store.kill();
            boolean done = putting.join();
            store.start();
            forget();
            try {
                blobs.forgetUnfinished();
            } catch (UnreachableException e) {
                // S3Proxy cannot list uploads of which one has half of its folder. A server starts all the same.
            }
            if (done || blobs.exists("a/1")) {
                byte[] read = blobs.read("a/1", file -> Files.readAllBytes(file.resolve("x")));
                assertThat(read).isEqualTo(content);
            }
            assertThat(text("a/0")).isEqualTo("before");
            blobs.delete("a/1");
            assertThat(objects()).hasSize(1);
        }
    }

    @Test
    void wrongCredentialsAndBucketsAreSaid() {
        Map<String, String> wrong = new HashMap<>(TestS3.environment());
        wrong.put("AWS_SECRET_ACCESS_KEY", "wrong");
        assertThatThrownBy(() -> S3Blobs.open(S3Address.of(store.address("x")), wrong, directory, 0))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("the bucket s3://bucket/x/ at http://127.0.0.1")
                .hasMessageContaining("Status Code: 403");
        String missing = store.address("x").replace("//bucket", "//no-such-bucket");
        assertThatThrownBy(() -> S3Blobs.open(S3Address.of(missing), TestS3.environment(), directory, 0))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("bucket does not exist");
        Map<String, String> variable = new HashMap<>(TestS3.environment());
        variable.put("AWS_ENDPOINT_URL", "user:secret@nowhere");
        assertThatThrownBy(() -> S3Blobs.open(S3Address.of("s3://bucket/x"), variable, directory, 0))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("AWS_ENDPOINT_URL is not an address")
                .hasMessageNotContaining("secret");
    }

    @Test
    void aRefusalWhileItRunsIsOneThatMayPass() throws IOException {
        put("a/1", "text");
        Path bucket = manifests().get(0);
        while (!bucket.getFileName().toString().equals(TestS3.BUCKET)) {
            bucket = bucket.getParent();
        }
        Path aside = Files.move(bucket, bucket.resolveSibling("aside"));
        try {
            assertThatThrownBy(() -> text("a/1"))
                    .isInstanceOf(UnreachableException.class)
                    .hasMessageContaining("does not take the server's requests");
            assertThatThrownBy(() -> put("a/2", "x")).isInstanceOf(UnreachableException.class);
        } finally {
            Files.move(aside, bucket);
        }
        assertThat(text("a/1")).isEqualTo("text");
    }

    @Test
    void peopleFindTheFilesOfABlob() throws IOException {
        blobs.put("jobs/1/base", directory(Map.of("config.json", "{}")));
        String place = blobs.place("jobs/1/base");
        assertThat(place).startsWith("s3://bucket/" + prefix + "/objects/jobs/1/base/");
        assertThat(store.objects(place.substring("s3://bucket/".length())))
                .extracting(path -> path.getFileName().toString())
                .containsExactly("config.json");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "s3:",
                "s3:///x",
                "http://bucket/x",
                "s3://user:secret@bucket/x",
                "s3://bucket/x?endpoint=nowhere",
                "s3://bucket/x?endpoint=http://user:secret@host",
                "s3://bucket/x?path-style=perhaps",
                "s3://bucket/x?colour=red",
                "s3://bucket/x#y",
                "s3://bu cket/x"
            })
    void whatIsNoAddressIsRefused(String address) {
        assertThatThrownBy(() -> S3Address.of(address)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void addressesHaveOptions() {
        S3Address address =
                S3Address.of("s3://my-bucket/a/b/?endpoint=https://s3.example:9000&region=eu&path-style=false");
        assertThat(address.bucket()).isEqualTo("my-bucket");
        assertThat(address.prefix()).isEqualTo("a/b/");
        assertThat(address.place().endpoint().orElseThrow()).hasToString("https://s3.example:9000");
        assertThat(address.place().region()).contains("eu");
        assertThat(address.place().pathStyle()).contains(false);
        assertThat(S3Address.of("s3://my-bucket").prefix()).isEmpty();
    }
}
