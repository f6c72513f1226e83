package io.tandem.server.storage;

import io.tandem.server.storage.document.Change;
import io.tandem.server.storage.document.Documents;
import io.tandem.server.storage.document.StoredJson;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Lines of JSON objects. For one thread. */
public final class ResultLog {
    /** Of a line, for those who want to know which it is. */
    private static final int HEAD_CHARS = 64;

    private final Storage storage;
    private final String log;
    private final List<String> unwritten = new ArrayList<>();
    private boolean empty;
    /** Whether lines may have been written of which this says that they were not. */
    private boolean uncertain;

    private ResultLog(Storage storage, String log) throws IOException {
        this.storage = storage;
        this.log = log;
        this.empty = storage.documents().newest(log, Long.MAX_VALUE, 1).isEmpty();
    }

    /**
     * Opens a log.
     *
     * @param heads gets the beginning of each line that is there
     */
    static ResultLog open(Storage storage, String log, Consumer<String> heads) throws IOException {
        ResultLog opened = new ResultLog(storage, log);
        read(storage, log, line -> heads.accept(line.substring(0, Math.min(line.length(), HEAD_CHARS))));
        return opened;
    }

    /** Reads the lines that are whole. */
    private static void read(Storage storage, String log, Storage.Reader reader) throws IOException {
        storage.read(log, line -> {
            if (line.startsWith("{") && line.endsWith("}")) {
                reader.read(line);
            } else {
                StoredJson.report(log, "lines that are not whole are left out and written again");
            }
        });
    }

    /** Adds a line, which survives a crash after {@link #force}. */
    public void append(String line) {
        unwritten.add(line);
    }

    /** Adds a line; when this returns it survives a crash, and if this throws it was not added. */
    public void write(String line) throws IOException {
        unwritten.add(line);
        try {
            force();
        } catch (IOException e) {
            unwritten.remove(unwritten.size() - 1);
            throw e;
        }
    }

    /** When this returns, all lines survive a crash. */
    public void force() throws IOException {
        if (unwritten.isEmpty()) {
            return;
        }
        if (!uncertain || !isWritten(unwritten)) {
            uncertain = true;
            storage.write(new Change.Append(log, unwritten));
        }
        uncertain = false;
        unwritten.clear();
        empty = false;
    }

    /** Whether the log ends with these lines. */
    private boolean isWritten(List<String> lines) throws IOException {
        List<Documents.Line> last = storage.documents().newest(log, Long.MAX_VALUE, lines.size());
        boolean same = last.size() == lines.size();
        for (int i = 0; i < last.size() && same; i++) {
            same = last.get(i).text().equals(lines.get(lines.size() - 1 - i));
        }
        return same;
    }

    public boolean empty() {
        return empty && unwritten.isEmpty();
    }

    /** Writes all lines of a log into a new file. */
    static void copy(Storage storage, String log, Path target) throws IOException {
        try (BufferedWriter out = Files.newBufferedWriter(target, StandardCharsets.UTF_8)) {
            read(storage, log, line -> out.append(line).append('\n'));
        }
    }
}
