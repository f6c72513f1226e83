package io.tandem.server.dataset;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** Bounds what one example may take. */
final class MeteredStream extends FilterInputStream {
    /** The example is longer than a line may be. */
    static final class TooLong extends IOException {}

    private long read;

    MeteredStream(InputStream in) {
        super(in);
    }

    void restart() {
        read = 0;
    }

    @Override
    public int read() throws IOException {
        count(1);
        return super.read();
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
        int got = super.read(buffer, offset, length);
        count(Math.max(0, got));
        return got;
    }

    private void count(int bytes) throws TooLong {
        read += bytes;
        if (read > LineReader.MAX_LINE_BYTES) {
            throw new TooLong();
        }
    }
}
