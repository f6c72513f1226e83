package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.commons.io.input.ReversedLinesFileReader;
import org.jspecify.annotations.Nullable;

/**
 * Events of a job, a line of JSON each. It is read from its end, because the last ones are asked for twice a second
 * while somebody follows a job, which must not cost more the longer the job has trained.
 */
final class EventLog {
    private final Path file;

    EventLog(Path file) {
        this.file = file;
    }

    /** Adds an event; the last ones may be lost in a crash. */
    void append(ObjectNode event) throws IOException {
        AtomicFiles.append(file, event.toString());
    }

    /**
     * A part of the log. A line that is damaged, or that a crash cut off, is left out.
     *
     * @param after id of the event before the first wanted one; null to begin with the newest
     * @param limit most events
     * @return the newest first; empty if there is no event {@code after}
     */
    Optional<List<ObjectNode>> newest(@Nullable String after, int limit) {
        List<ObjectNode> found = new ArrayList<>();
        boolean wanted = after == null;
        try (ReversedLinesFileReader lines = ReversedLinesFileReader.builder()
                .setPath(file)
                .setCharset(StandardCharsets.UTF_8)
                .get()) {
            for (String line = lines.readLine(); line != null && found.size() < limit; line = lines.readLine()) {
                if (wanted && !line.isEmpty()) {
                    parse(line).ifPresent(found::add);
                } else if (after != null && line.contains(after)) {
                    wanted = parse(line)
                            .filter(event -> event.path("id").asText().equals(after))
                            .isPresent();
                }
            }
        } catch (NoSuchFileException e) {
            // Nothing has happened yet.
        } catch (IOException e) {
            StoredJson.report(file.toString(), String.valueOf(e.getMessage()));
        }
        return wanted ? Optional.of(found) : Optional.empty();
    }

    private Optional<ObjectNode> parse(String line) {
        return StoredJson.parse(line.getBytes(StandardCharsets.UTF_8), file.toString());
    }
}
