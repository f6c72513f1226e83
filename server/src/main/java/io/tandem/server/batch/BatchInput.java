package io.tandem.server.batch;

import io.tandem.server.dataset.LineReader;
import io.tandem.server.dataset.RejectedLine;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.util.BitSet;
import java.util.Optional;

/** The requests of a batch, one after another; no more than one is in memory. */
final class BatchInput implements Closeable {
    private final FileChannel file;
    private final LineReader lines;
    private final String endpoint;
    private final BitSet skipped;

    /**
     * @param file is closed with this
     * @param skipped numbers of lines that are not wanted
     */
    BatchInput(FileChannel file, String endpoint, BitSet skipped) {
        this.file = file;
        this.skipped = skipped;
        this.lines = new LineReader(Channels.newInputStream(file));
        this.endpoint = endpoint;
    }

    /**
     * The next request; empty at the end. Lines without any text are left out.
     *
     * @throws LineError if the line is not a request; the one after it can be read all the same
     */
    Optional<BatchRow> next() throws IOException {
        for (Optional<byte[]> line = lines.next(); line.isPresent(); line = lines.next()) {
            String text = skipped.get(lines.number()) ? "" : text(line.get());
            if (!text.isBlank()) {
                return Optional.of(BatchRow.parse(text, lines.number(), endpoint));
            }
        }
        return Optional.empty();
    }

    private String text(byte[] line) {
        try {
            return lines.text(line);
        } catch (RejectedLine e) {
            throw new LineError("invalid_json_line", null, lines.number(), "The line " + e.getMessage() + ".");
        }
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
