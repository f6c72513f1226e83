package io.tandem.server.dataset;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Lines of a file. They are decoded one by one, so that a wrong byte is a mistake of its line and not of the file. */
public final class LineReader {
    public static final int MAX_LINE_BYTES = 4 << 20;

    private static final String BYTE_ORDER_MARK = "\uFEFF";

    private final InputStream in;
    private final byte[] buffer = new byte[1 << 16];
    private int at;
    private int end;
    private int number;

    public LineReader(InputStream in) {
        this.in = in;
    }

    /** The bytes of the next line, cut one past the limit: a file without line ends must not fill the memory. */
    public Optional<byte[]> next() throws IOException {
        if (at == end && !fill()) {
            return Optional.empty();
        }
        number++;
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        do {
            int stop = at;
            while (stop < end && buffer[stop] != '\n') {
                stop++;
            }
            line.write(buffer, at, Math.min(stop - at, MAX_LINE_BYTES + 1 - line.size()));
            at = Math.min(stop + 1, end);
            if (stop < end) {
                break;
            }
        } while (fill());
        return Optional.of(line.toByteArray());
    }

    private boolean fill() throws IOException {
        at = 0;
        end = Math.max(0, in.read(buffer));
        return end > 0;
    }

    /** Of the line that was read last, from 1. */
    public int number() {
        return number;
    }

    /**
     * The text of the line that was read last.
     *
     * @throws RejectedLine if it is too long or no text
     */
    public String text(byte[] line) {
        if (line.length > MAX_LINE_BYTES) {
            throw new RejectedLine("is longer than " + MAX_LINE_BYTES + " bytes");
        }
        ByteBuffer bytes = ByteBuffer.wrap(line);
        try {
            String text = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
            return number == 1 && text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
        } catch (CharacterCodingException e) {
            throw new RejectedLine("is not valid UTF-8 at byte " + (bytes.position() + 1));
        }
    }
}
