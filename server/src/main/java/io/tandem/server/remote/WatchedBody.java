package io.tandem.server.remote;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A response's body that fails when it stays silent: the JDK's timeout ends with the head of the response. */
final class WatchedBody extends FilterInputStream {
    private final long patienceNanos;
    private volatile long heard = System.nanoTime();
    private volatile boolean over;

    WatchedBody(InputStream body, Duration patience) {
        super(body);
        this.patienceNanos = patience.toNanos();
        watch(patienceNanos);
    }

    private void watch(long nanos) {
        CompletableFuture.delayedExecutor(nanos, TimeUnit.NANOSECONDS).execute(this::check);
    }

    private void check() {
        long left = patienceNanos - (System.nanoTime() - heard);
        if (over || left > 0) {
            if (!over) {
                watch(left);
            }
            return;
        }
        try {
            close();
        } catch (IOException e) {
            // The reader is told.
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        try {
            int read = super.read(bytes, offset, length);
            heard = System.nanoTime();
            return read;
        } catch (IOException e) {
            throw over
                    ? new IOException("nothing came for " + TimeUnit.NANOSECONDS.toSeconds(patienceNanos) + " s", e)
                    : e;
        }
    }

    @Override
    public void close() throws IOException {
        over = true;
        super.close();
    }
}
