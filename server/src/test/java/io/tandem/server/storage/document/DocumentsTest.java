package io.tandem.server.storage.document;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.document.Change.Append;
import io.tandem.server.storage.document.Change.Clear;
import io.tandem.server.storage.document.Change.Delete;
import io.tandem.server.storage.document.Change.Put;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What every database of documents does alike. */
@Timeout(120)
abstract class DocumentsTest {
    Documents documents;

    /** Opens the same database again and again, and an empty one first. */
    abstract Documents open() throws IOException;

    /** Changes what is in it behind its back. */
    abstract void execute(String sql);

    @BeforeEach
    void openFirst() throws IOException {
        documents = open();
    }

    @AfterEach
    void closeLast() {
        if (documents != null) {
            documents.close();
        }
    }

    private void reopen() throws IOException {
        documents.close();
        documents = open();
    }

    static ObjectNode json(String text) {
        return JsonBody.MAPPER.createObjectNode().put("text", text);
    }

    private void put(String collection, String id, String text) throws IOException {
        documents.write(List.of(new Put(collection, id, json(text))));
    }

    @Test
    void documentsComeBackAndGo() throws IOException {
        assertThat(documents.get("a", "1")).isEmpty();
        put("a", "1", "old");
        put("a", "1", "new");
        put("b", "1", "other");
        reopen();
        assertThat(documents.get("a", "1")).contains(json("new"));
        assertThat(documents.write(List.of(new Delete("a", "1"), new Delete("a", "never"))))
                .isEqualTo(1);
        assertThat(documents.get("a", "1")).isEmpty();
        assertThat(documents.get("b", "1")).contains(json("other"));
    }

    /** In the order of UTF-8's bytes, whatever the language of the machine. */
    @Test
    void listsHaveThoseThatBeginWithAPrefixInOrder() throws IOException {
        List<String> ids = new ArrayList<>(
                List.of("t/", "t/%", "t/10", "t/2", "t/A", "t/_", "t/a", "t/a/b", "t/z", "t/ä", "t/𝄞"));
        List<String> shuffled = new ArrayList<>(ids);
        Collections.shuffle(shuffled, new Random(1));
        for (String id : shuffled) {
            put("c", id, id);
        }
        for (String other : List.of("t", "s/z", "t0", "u/")) {
            put("c", other, other);
        }
        assertThat(documents.ids("c", "t/")).isEqualTo(ids);
        assertThat(documents.list("c", "t/"))
                .extracting(
                        Documents.Document::id,
                        document -> document.body().path("text").asText())
                .isEqualTo(ids.stream()
                        .map(id -> org.assertj.core.groups.Tuple.tuple(id, id))
                        .toList());
        assertThat(documents.ids("c", "")).hasSize(ids.size() + 4);
        assertThat(documents.ids("c", "t/a/")).containsExactly("t/a/b");
        assertThat(documents.ids("d", "")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "'; DROP TABLE documents; --",
                "\"",
                "\\",
                "../../x",
                "%",
                "_",
                "?",
                "$1",
                "a\nb",
                "\u0001",
                "ü𝄞",
                "NULL",
                " "
            })
    void hostileIdsAreNamesLikeOthers(String id) throws IOException {
        put("c", "other", "other");
        put("c", id, id);
        documents.write(List.of(new Append(id, "line")));
        assertThat(documents.get("c", id)).contains(json(id));
        assertThat(documents.ids("c", id)).containsExactly(id);
        assertThat(documents.oldest(id, 0, 10)).extracting(Documents.Line::text).containsExactly("line");
        documents.write(List.of(new Delete("c", id), new Clear(id)));
        assertThat(documents.ids("c", "")).containsExactly("other");
        assertThat(documents.oldest(id, 0, 10)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a\0b", "\uD800"})
    void whatCannotBeAnIdIsRefusedAndNotFound(String id) throws IOException {
        assertThatThrownBy(() -> new Put("c", id, json(""))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Append(id, "")).isInstanceOf(IllegalArgumentException.class);
        assertThat(documents.get("c", id)).isEmpty();
        documents.write(List.of(new Delete("c", id)));
    }

    @Test
    void longIdsAreFineAndLongerOnesAreRefused() throws IOException {
        String most = "ä".repeat(Change.MAX_ID_CHARS);
        put("c", most, "x");
        assertThat(documents.get("c", most)).isPresent();
        assertThatThrownBy(() -> new Put("c", most + "x", json(""))).isInstanceOf(IllegalArgumentException.class);
        assertThat(documents.get("c", most + "x")).isEmpty();
    }

    /** Characters of all kinds; halves of them, which clients can send, become question marks. */
    @Test
    void textsComeBack() throws IOException {
        String text = "\0\u0001\n\t\"\\ äöü 漢字 𝄞 \uFFFF";
        put("c", "1", text);
        assertThat(documents.get("c", "1")).contains(json(text));
        put("c", "2", "a\uD800b");
        assertThat(documents.get("c", "2")).contains(json("a?b"));
    }

    @Test
    void hugeDocumentsAreStoredAndLargerOnesRefused() throws IOException {
        put("c", "1", "x".repeat(3 << 20));
        assertThat(documents.get("c", "1").orElseThrow().path("text").asText()).hasSize(3 << 20);
        assertThatThrownBy(() -> put("c", "1", "x".repeat(5 << 20)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("too large");
        assertThat(documents.get("c", "1").orElseThrow().path("text").asText()).hasSize(3 << 20);
        documents.write(List.of(new Append("log", "y".repeat(20 << 20))));
        assertThat(documents.oldest("log", 0, 1).get(0).text()).hasSize(20 << 20);
    }

    @Test
    void changesAreMadeTogetherOrNotAtAll() throws IOException {
        put("c", "1", "old");
        documents.write(List.of(new Append("log", "old")));
        assertThatThrownBy(() -> documents.write(List.of(
                        new Put("c", "1", json("new")),
                        new Delete("c", "1"),
                        new Clear("log"),
                        new Append("log", "new"),
                        new Put("c", "2", json("x".repeat(5 << 20))))))
                .isInstanceOf(IOException.class);
        assertThat(documents.get("c", "1")).contains(json("old"));
        assertThat(documents.oldest("log", 0, 10))
                .extracting(Documents.Line::text)
                .containsExactly("old");
        documents.write(List.of(
                new Put("c", "1", json("new")),
                new Put("c", "2", json("new")),
                new Delete("c", "1"),
                new Clear("log"),
                new Append("log", List.of("a", "b"))));
        assertThat(documents.ids("c", "")).containsExactly("2");
        assertThat(documents.oldest("log", 0, 10))
                .extracting(Documents.Line::text)
                .containsExactly("a", "b");
    }

    @Test
    void logsAreReadFromBothEnds() throws IOException {
        List<String> lines = IntStream.range(0, 25).mapToObj(i -> "line " + i).toList();
        for (String line : lines) {
            documents.writeSoon(List.of(new Append("log", line), new Append("other", "x")));
        }
        reopen();
        List<String> forwards = new ArrayList<>();
        List<Documents.Line> page = documents.oldest("log", 0, 10);
        while (!page.isEmpty()) {
            page.forEach(line -> forwards.add(line.text()));
            page = documents.oldest("log", page.get(page.size() - 1).number(), 10);
        }
        assertThat(forwards).isEqualTo(lines);
        List<String> backwards = new ArrayList<>();
        page = documents.newest("log", Long.MAX_VALUE, 10);
        while (!page.isEmpty()) {
            page.forEach(line -> backwards.add(0, line.text()));
            page = documents.newest("log", page.get(page.size() - 1).number(), 10);
        }
        assertThat(backwards).isEqualTo(lines);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[]", "7", "{\"a\":", "null", "{\"a\":1}x"})
    void damagedDocumentsHideNothingButThemselves(String body) throws IOException {
        put("c", "bad", "x");
        put("c", "good", "x");
        execute("UPDATE documents SET body = '" + body + "' WHERE id = 'bad'");
        reopen();
        assertThat(documents.get("c", "bad")).isEmpty();
        assertThat(documents.list("c", "")).extracting(Documents.Document::id).containsExactly("good");
        assertThat(documents.ids("c", "")).containsExactly("bad", "good");
        put("c", "bad", "again");
        assertThat(documents.get("c", "bad")).contains(json("again"));
    }

    @Test
    void writersDoNotDisturbEachOther() throws Exception {
        int writers = 6;
        int each = 40;
        List<Callable<Void>> work = new ArrayList<>();
        for (int w = 0; w < writers; w++) {
            int writer = w;
            work.add(() -> {
                for (int i = 0; i < each; i++) {
                    // In different orders, so that they would wait for each other in a circle.
                    List<Change> both = new ArrayList<>(List.of(
                            new Put("shared", "1", json(writer + " " + i)),
                            new Put("shared", "2", json(writer + " " + i))));
                    if (writer % 2 == 0) {
                        Collections.reverse(both);
                    }
                    both.add(new Append("log-" + writer, String.valueOf(i)));
                    if (i % 3 == 0) {
                        documents.writeSoon(both);
                    } else {
                        documents.write(both);
                    }
                    List<Documents.Document> read = documents.list("shared", "");
                    assertThat(read).hasSize(2);
                    assertThat(read.get(0).body()).isEqualTo(read.get(1).body());
                }
                return null;
            });
        }
        ExecutorService threads = Executors.newFixedThreadPool(writers);
        try {
            for (Future<Void> one : threads.invokeAll(work)) {
                one.get();
            }
        } finally {
            threads.shutdownNow();
        }
        for (int w = 0; w < writers; w++) {
            assertThat(documents.oldest("log-" + w, 0, 1000))
                    .extracting(Documents.Line::text)
                    .isEqualTo(
                            IntStream.range(0, each).mapToObj(String::valueOf).toList());
        }
    }

    @Test
    void ofThoseWhoDeleteADocumentAtOnceOneFindsIt() throws Exception {
        int threads = 4;
        ExecutorService deleters = Executors.newFixedThreadPool(threads);
        try {
            for (int i = 0; i < 20; i++) {
                String id = String.valueOf(i);
                put("c", id, "x");
                Callable<Integer> delete =
                        () -> documents.write(List.of(new Delete("c", id), new Put("d", id, json("gone"))));
                int found = 0;
                for (Future<Integer> one : deleters.invokeAll(Collections.nCopies(threads, delete))) {
                    found += one.get();
                }
                assertThat(found).isEqualTo(1);
            }
        } finally {
            deleters.shutdownNow();
        }
    }

    @Test
    void whatANewerServerHasChangedIsNotTouched() throws IOException {
        put("c", "1", "x");
        documents.close();
        execute("INSERT INTO schema_version VALUES (" + (Schema.VERSION + 1) + ")");
        assertThatThrownBy(this::open)
                .isInstanceOf(IOException.class)
                .hasMessageContaining("a newer one has used it")
                .hasMessageContaining(String.valueOf(Schema.VERSION + 1));
        execute("DELETE FROM schema_version WHERE version > " + Schema.VERSION);
        documents = open();
        assertThat(documents.get("c", "1")).isPresent();
    }
}
