package io.tandem.server.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.TenantId;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(180)
class FileStoreTest {
    @TempDir
    private Path root;

    private Storage storage;
    private FileStore files;

    @BeforeEach
    void open() throws IOException {
        storage = StoredData.open(root);
        files = StoredData.files(storage);
    }

    @AfterEach
    void close() {
        storage.close();
    }

    private String add(String content) throws IOException {
        Path upload = Files.writeString(Files.createTempFile(root, "upload", ""), content);
        return files.add(upload, "name.jsonl", "fine-tune", 5).path("id").asText();
    }

    private Optional<String> content(String id) throws IOException {
        Optional<FileChannel> open = files.open(id);
        if (open.isEmpty()) {
            return Optional.empty();
        }
        try (FileChannel channel = open.get()) {
            return Optional.of(new String(Channels.newInputStream(channel).readAllBytes()));
        }
    }

    @Test
    void filesComeBackAndGo() throws IOException {
        Path upload = Files.writeString(root.resolve("upload"), "text");
        ObjectNode object = files.add(upload, "../../name.jsonl", "fine-tune", 5);
        String id = object.path("id").asText();
        assertThat(files.list()).hasToString("[" + object + "]");
        assertThat(content(id)).contains("text");
        assertThat(files.delete(id)).isTrue();
        assertThat(files.delete(id)).isFalse();
        assertThat(content(id)).isEmpty();
        assertThat(files.list()).isEmpty();
    }

    @Test
    void aListBeforeTheFirstUploadIsEmpty() throws IOException {
        assertThat(files.list()).isEmpty();
    }

    /** Whatever runs beside an upload, an acknowledged file is there until somebody deletes it. */
    @Test
    void uploadsListsAndDeletionsDoNotDisturbEachOther() throws Exception {
        int uploaders = 3;
        int perUploader = 60;
        AtomicInteger uploading = new AtomicInteger(uploaders);
        ConcurrentHashMap<String, String> kept = new ConcurrentHashMap<>();
        ConcurrentHashMap<String, String> deleted = new ConcurrentHashMap<>();
        List<Callable<Void>> work = new ArrayList<>();
        for (int i = 0; i < uploaders; i++) {
            int uploader = i;
            work.add(() -> {
                for (int j = 0; j < perUploader; j++) {
                    String content = uploader + " " + j;
                    (j % 2 == 0 ? kept : deleted).put(add(content), content);
                }
                uploading.decrementAndGet();
                return null;
            });
        }
        for (int i = 0; i < 2; i++) {
            work.add(() -> {
                while (uploading.get() > 0) {
                    for (ObjectNode object : files.list()) {
                        String id = object.path("id").asText();
                        files.find(id);
                        // The same file is deleted by both threads at times; one of them is told that it was there.
                        if (deleted.containsKey(id) && files.delete(id)) {
                            assertThat(files.find(id)).isEmpty();
                        }
                        content(id);
                    }
                }
                return null;
            });
        }
        run(work);
        for (String id : kept.keySet()) {
            assertThat(content(id)).contains(kept.get(id));
        }
        for (String id : deleted.keySet()) {
            files.delete(id);
        }
        assertThat(files.list()).hasSize(kept.size());
        assertThat(entries(root.resolve("files"))).hasSize(kept.size());
    }

    private static void run(List<Callable<Void>> work) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(work.size());
        try {
            List<Future<Void>> running = new ArrayList<>();
            for (Callable<Void> one : work) {
                running.add(threads.submit(one));
            }
            for (Future<Void> one : running) {
                one.get();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    private static List<Path> entries(Path directory) throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            return all.toList();
        }
    }

    @Test
    void anUploadThatCannotBeTakenOverLeavesNothing() throws IOException {
        String id = add("whole");
        assertThatThrownBy(() -> files.add(root.resolve("missing"), "a", "fine-tune", 5))
                .isInstanceOf(IOException.class);
        // A directory has no content that could be a file's.
        Path directory = Files.createDirectory(root.resolve("directory"));
        assertThatThrownBy(() -> files.add(directory, "a", "fine-tune", 5)).isInstanceOf(IOException.class);
        assertThat(entries(root.resolve("files")))
                .containsExactly(root.resolve("files").resolve(id));
    }

    @Test
    void whatHasExpiredIsDeletedWhoeverAsks() throws IOException {
        Instant created = Instant.ofEpochSecond(1000);
        for (String ask : List.of("find", "open", "list", "sweep")) {
            FileStore young =
                    new FileStore(storage, TenantId.DEFAULT, Clock.fixed(created.plusSeconds(3599), ZoneOffset.UTC));
            Path upload = Files.writeString(root.resolve("upload"), "abc");
            ObjectNode object = young.add(upload, "a", "fine-tune", 1000, OptionalLong.of(3600));
            String id = object.path("id").asText();
            assertThat(object.path("expires_at").asLong()).isEqualTo(4600);
            assertThat(young.find(id)).isPresent();
            FileStore old =
                    new FileStore(storage, TenantId.DEFAULT, Clock.fixed(created.plusSeconds(3600), ZoneOffset.UTC));
            switch (ask) {
                case "find" -> assertThat(old.find(id)).isEmpty();
                case "open" -> assertThat(old.open(id)).isEmpty();
                case "list" -> assertThat(old.list()).isEmpty();
                default -> old.deleteExpired();
            }
            assertThat(root.resolve("files").resolve(id)).doesNotExist();
        }
    }

    @Test
    void anObjectHasTheHashOfItsContent() throws IOException {
        Path upload = Files.writeString(root.resolve("upload"), "abc");
        assertThat(files.add(upload, "a", "fine-tune", 1).path("sha256").asText())
                .isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
