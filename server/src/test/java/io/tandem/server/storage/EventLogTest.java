package io.tandem.server.storage;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EventLogTest {
    private static final int EVENTS = 1000;

    @TempDir
    private Path root;

    private Storage storage;
    private EventLog log;

    @BeforeEach
    void open() throws IOException {
        storage = StoredData.open(root);
        log = new EventLog(storage, "ftjob-1");
    }

    @AfterEach
    void close() {
        storage.close();
    }

    private void write() throws IOException {
        for (int i = 0; i < EVENTS; i++) {
            // Texts beyond ASCII, so that a block of the file ends within a character too.
            log.append(event(i, "é€𝄞".repeat(i % 50)));
        }
    }

    private static ObjectNode event(int id, String message) {
        return JsonBody.MAPPER.createObjectNode().put("id", "ftevent-" + id).put("message", message);
    }

    private static List<String> ids(List<ObjectNode> events) {
        return events.stream().map(event -> event.path("id").asText()).toList();
    }

    private static List<String> ids(int newest, int oldest) {
        return IntStream.rangeClosed(-newest, -oldest)
                .mapToObj(i -> "ftevent-" + -i)
                .toList();
    }

    @Test
    void aJobWithoutEventsHasAnEmptyList() throws IOException {
        assertThat(log.newest(null, 10)).contains(List.of());
        assertThat(log.newest("ftevent-1", 10)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 100, EVENTS, EVENTS + 1})
    void pagesFromTheEndHaveEachEventOnce(int limit) throws IOException {
        write();
        String after = null;
        for (int from = EVENTS - 1; from >= 0; from -= limit) {
            List<ObjectNode> page = log.newest(after, limit).orElseThrow();
            assertThat(ids(page)).isEqualTo(ids(from, Math.max(0, from - limit + 1)));
            assertThat(page.get(0).path("message").asText()).isEqualTo("é€𝄞".repeat(from % 50));
            after = ids(page).get(page.size() - 1);
        }
        assertThat(log.newest(after, limit)).contains(List.of());
    }

    @Test
    void anIdThatOnlyAMessageMentionsIsNone() throws IOException {
        log.append(event(1, "first"));
        log.append(event(2, "about ftevent-9"));
        assertThat(log.newest("ftevent-9", 10)).isEmpty();
    }

    @Test
    void damagedLinesAreLeftOut() throws IOException {
        log.append(event(1, "first"));
        StoredData.append(root, "events/ftjob-1", "\u00ff\u00fe");
        StoredData.append(root, "events/ftjob-1", "");
        log.append(event(2, "second"));
        StoredData.append(root, "events/ftjob-1", "{\"id\":\"ftev");
        assertThat(ids(log.newest(null, 10).orElseThrow())).containsExactly("ftevent-2", "ftevent-1");
        assertThat(ids(log.newest("ftevent-2", 10).orElseThrow())).containsExactly("ftevent-1");
    }
}
