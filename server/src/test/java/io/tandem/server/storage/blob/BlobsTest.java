package io.tandem.server.storage.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.storage.NotStoredException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What blobs do alike wherever they are. */
@Timeout(120)
abstract class BlobsTest {
    /** A text that one of the threads writes. */
    private static final Pattern WRITTEN = Pattern.compile("(w[01]-[0-9]+ )\\1{199}");

    @TempDir
    Path directory;

    Blobs blobs;

    /** Opens the same blobs again and again, and none first. */
    abstract Blobs open() throws IOException;

    @BeforeEach
    void openFirst() throws IOException {
        blobs = open();
    }

    @AfterEach
    void closeLast() {
        if (blobs != null) {
            blobs.close();
        }
    }

    private void reopen() throws IOException {
        blobs.close();
        blobs = open();
    }

    void put(String key, String text) throws IOException {
        blobs.put(key, file -> Files.writeString(file, text));
    }

    String text(String key) throws IOException {
        return blobs.read(key, Files::readString);
    }

    static Blobs.Writing directory(Map<String, String> files) {
        return directory -> {
            Files.createDirectory(directory);
            for (Map.Entry<String, String> file : files.entrySet()) {
                Path path = directory.resolve(file.getKey());
                Files.createDirectories(path.getParent());
                Files.writeString(path, file.getValue());
            }
        };
    }

    Map<String, String> files(String key) throws IOException {
        return blobs.read(key, directory -> {
            Map<String, String> files = new TreeMap<>();
            try (Stream<Path> tree = Files.walk(directory)) {
                for (Path file : tree.filter(Files::isRegularFile).toList()) {
                    files.put(directory.relativize(file).toString(), Files.readString(file));
                }
            }
            return files;
        });
    }

    @Test
    void filesComeBackAndGo() throws IOException {
        assertThat(blobs.exists("a/1")).isFalse();
        assertThatThrownBy(() -> text("a/1")).isInstanceOf(NoSuchFileException.class);
        put("a/1", "old");
        put("a/1", "new");
        put("a/empty", "");
        reopen();
        assertThat(blobs.exists("a/1")).isTrue();
        assertThat(text("a/1")).isEqualTo("new");
        assertThat(text("a/1")).isEqualTo("new");
        assertThat(text("a/empty")).isEmpty();
        assertThat(blobs.delete("a/1")).isTrue();
        assertThat(blobs.delete("a/1")).isFalse();
        assertThat(blobs.exists("a/1")).isFalse();
        assertThatThrownBy(() -> text("a/1")).isInstanceOf(NoSuchFileException.class);
        assertThat(text("a/empty")).isEmpty();
    }

    @Test
    void directoriesComeBackAndGo() throws IOException {
        Map<String, String> first = Map.of("x", "1", "deep/down/y", "2", "empty", "");
        Map<String, String> second = Map.of("x", "3", "ü \u65e5+%2F&=?#", "4");
        blobs.put("a/b/c", directory(first));
        assertThat(files("a/b/c")).isEqualTo(first);
        blobs.put("a/b/c", directory(second));
        assertThat(files("a/b/c")).isEqualTo(second);
        reopen();
        assertThat(files("a/b/c")).isEqualTo(second);
        put("a/b/c", "now a file");
        assertThat(text("a/b/c")).isEqualTo("now a file");
        blobs.put("a/b/c", directory(first));
        assertThat(files("a/b/c")).isEqualTo(first);
        assertThat(blobs.delete("a/b")).isTrue();
        assertThat(blobs.exists("a/b/c")).isFalse();
    }

    @Test
    void onlyWhatBelongsToAKeyGoesWithIt() throws IOException {
        for (String key : List.of("jobs/1/a", "jobs/1/b/c", "jobs/1/b/d", "jobs/10/a", "jobs/1%3A/a", "jobs/1.x")) {
            put(key, key);
        }
        assertThat(blobs.delete("jobs/1/b/c")).isTrue();
        assertThat(blobs.exists("jobs/1/b/d")).isTrue();
        assertThat(blobs.delete("jobs/1")).isTrue();
        assertThat(blobs.delete("jobs/1")).isFalse();
        assertThat(blobs.exists("jobs/1/a") || blobs.exists("jobs/1/b/d")).isFalse();
        for (String key : List.of("jobs/10/a", "jobs/1%3A/a", "jobs/1.x")) {
            assertThat(text(key)).isEqualTo(key);
        }
    }

    @Test
    void keysAreListedByWhatTheyGoOnWith() throws IOException {
        assertThat(blobs.list("under/")).isEmpty();
        for (String key : List.of("under/2-b", "under/0-ft%3Aa", "under/1-c", "other/0", "under/1-a.b")) {
            put(key, key);
        }
        blobs.put("under/3-d", directory(Map.of("file", "x")));
        assertThat(blobs.list("under/"))
                .containsExactly("under/0-ft%3Aa", "under/1-a.b", "under/1-c", "under/2-b", "under/3-d");
    }

    @Test
    @Timeout(300)
    void moreKeysThanAStoreListsAtOnce() throws IOException {
        blobs.put("many/files", directory -> {
            Files.createDirectory(directory);
            for (int i = 0; i < 1010; i++) {
                Files.writeString(directory.resolve("f" + i), "");
            }
        });
        assertThat(files("many/files")).hasSize(1010);
        assertThat(blobs.delete("many/files")).isTrue();
        assertThat(blobs.exists("many/files")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a", "/a/b", "a/../b/c", "../a/b", "a/b/../../..", "a/.."})
    void keysDoNotLeadOut(String key) {
        assertThatThrownBy(() -> put(key, "x")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> blobs.exists(key)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> text(key)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> blobs.delete(key)).isInstanceOf(IllegalArgumentException.class);
        assertThat(directory.resolve("a")).doesNotExist();
    }

    @Test
    void aCopyOutlivesWhatItIsOf() throws IOException {
        Map<String, String> content = Map.of("x", "1", "deep/y", "2");
        put("files/1/content", "text");
        blobs.put("adapters/1", directory(content));
        blobs.copy("files/1/content", "jobs/1/file");
        blobs.copy("adapters/1", "jobs/1/adapter");
        put("files/1/content", "other");
        blobs.delete("adapters/1");
        blobs.delete("files/1");
        reopen();
        assertThat(text("jobs/1/file")).isEqualTo("text");
        assertThat(files("jobs/1/adapter")).isEqualTo(content);
        assertThatThrownBy(() -> blobs.copy("files/1/content", "jobs/1/again")).isInstanceOf(NoSuchFileException.class);
        assertThat(blobs.exists("jobs/1/again")).isFalse();
    }

    @Test
    void whatIsNotWrittenToItsEndIsNotThere() throws IOException {
        put("a/1", "old");
        assertThatThrownBy(() -> blobs.put("a/1", file -> {
                    Files.writeString(file, "half");
                    throw new IOException("No space left on device");
                }))
                .isInstanceOf(NotStoredException.class);
        assertThatThrownBy(() -> blobs.put("a/2", file -> {
                    Files.createDirectory(file);
                    Files.writeString(file.resolve("x"), "half");
                    throw new IllegalStateException("of the caller");
                }))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> blobs.put("a/3", file -> Files.copy(directory.resolve("missing"), file)))
                .isInstanceOf(NoSuchFileException.class);
        reopen();
        assertThat(text("a/1")).isEqualTo("old");
        assertThat(blobs.list("a/")).containsExactly("a/1");
    }

    @Test
    void anOpenFileCanBeReadToItsEnd() throws IOException {
        byte[] content = new byte[3 << 20];
        new Random(1).nextBytes(content);
        blobs.put("a/1", file -> Files.write(file, content));
        reopen();
        byte[] read = new byte[content.length];
        try (FileChannel open = blobs.read("a/1", FileChannel::open)) {
            open.read(ByteBuffer.wrap(read, 0, 1000));
            put("a/1", "other");
            blobs.delete("a/1");
            // Pushes what is not in use out of any cache.
            blobs.put("b/1", file -> Files.write(file, content));
            blobs.read("b/1", Files::size);
            ByteBuffer rest = ByteBuffer.wrap(read, 1000, read.length - 1000);
            while (open.read(rest) > 0) {
                // On.
            }
        }
        assertThat(Arrays.equals(read, content)).isTrue();
    }

    /** Whether the files of a directory that are opened one after the other are those of one {@code put}. */
    abstract boolean keepsDirectoriesTogether();

    /** Readers see one whole blob or another, or that there is none. */
    @Test
    void threadsDoNotDisturbEachOther() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(6);
        try {
            List<Future<?>> work = new ArrayList<>();
            for (int writer = 0; writer < 2; writer++) {
                String name = "w" + writer;
                work.add(threads.submit(() -> {
                    for (int i = 0; i < 25; i++) {
                        String text = (name + "-" + i + " ").repeat(200);
                        blobs.put("a/1/x", directory(Map.of("one", text, "two", text)));
                    }
                    return null;
                }));
            }
            work.add(threads.submit(() -> {
                for (int i = 0; i < 15; i++) {
                    blobs.delete("a/1");
                }
                return null;
            }));
            for (int reader = 0; reader < 3; reader++) {
                work.add(threads.submit(() -> {
                    for (int i = 0; i < 60; i++) {
                        try {
                            Map<String, String> seen = files("a/1/x");
                            assertThat(seen.values()).allMatch(WRITTEN.asMatchPredicate());
                            // On a disk, a directory can go, and another one come, while its files are opened by their
                            // paths: each of them is whole, but they may be of two writers.
                            if (keepsDirectoriesTogether()) {
                                assertThat(seen).hasSize(2);
                                assertThat(seen.get("one")).isEqualTo(seen.get("two"));
                            }
                        } catch (NoSuchFileException e) {
                            // Deleted a moment ago.
                        } catch (UncheckedIOException e) {
                            // Deleted while its files were listed.
                            assertThat(e).hasCauseInstanceOf(NoSuchFileException.class);
                        }
                    }
                    return null;
                }));
            }
            for (Future<?> done : work) {
                done.get();
            }
            blobs.put("a/1/x", directory(Map.of("one", "end", "two", "end")));
            assertThat(files("a/1/x")).isEqualTo(Map.of("one", "end", "two", "end"));
        } finally {
            threads.shutdownNow();
        }
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
