package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.storage.document.Change;
import io.tandem.server.storage.document.Documents;
import io.tandem.server.storage.document.StoredJson;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Events of a job, a line of JSON each. It is read from its end, because the last ones are asked for twice a second
 * while somebody follows a job, which must not cost more the longer the job has trained.
 */
final class EventLog {
    private static final int PAGE = 200;

    private final Storage storage;
    private final String log;

    EventLog(Storage storage, String jobId) {
        this.storage = storage;
        this.log = name(jobId);
    }

    static String name(String jobId) {
        return "events/" + jobId;
    }

    /** Adds an event; the last ones may be lost in a crash. */
    void append(ObjectNode event) throws IOException {
        storage.writeSoon(new Change.Append(log, event.toString()));
    }

    /**
     * A part of the log. A line that is damaged is left out.
     *
     * @param after id of the event before the first wanted one; null to begin with the newest
     * @param limit most events
     * @return the newest first; empty if there is no event {@code after}
     */
    Optional<List<ObjectNode>> newest(@Nullable String after, int limit) throws IOException {
        List<ObjectNode> found = new ArrayList<>();
        boolean wanted = after == null;
        long before = Long.MAX_VALUE;
        int size = Math.min(PAGE, limit);
        while (found.size() < limit) {
            List<Documents.Line> page = storage.documents().newest(log, before, size);
            for (Documents.Line line : page) {
                before = line.number();
                if (wanted && found.size() < limit) {
                    parse(line).ifPresent(found::add);
                } else if (after != null && line.text().contains(after)) {
                    wanted = parse(line)
                            .filter(event -> event.path("id").asText().equals(after))
                            .isPresent();
                }
            }
            if (page.size() < size) {
                break;
            }
            size = PAGE;
        }
        return wanted ? Optional.of(found) : Optional.empty();
    }

    private Optional<ObjectNode> parse(Documents.Line line) {
        return StoredJson.parse(line.text(), log + " " + line.number());
    }
}
