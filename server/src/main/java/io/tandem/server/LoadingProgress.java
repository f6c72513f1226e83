package io.tandem.server;

import io.tandem.kernels.LoadProgress;
import io.tandem.server.client.Progress;
import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Shows how far a model has been read, and how fast; nothing for one that is there within a moment. */
final class LoadingProgress implements LoadProgress, AutoCloseable {
    private static final long MOMENT_NANOS = 1_000_000_000;
    private static final long MEGA = 1_000_000;

    private final PrintWriter err;
    private final long start = System.nanoTime();
    private @Nullable Progress shown;

    LoadingProgress(PrintWriter err) {
        this.err = err;
    }

    @Override
    public void show(long read, long total) {
        long nanos = System.nanoTime() - start;
        if (shown == null && nanos > MOMENT_NANOS) {
            shown = Progress.of("loading the model", "%d of %d MB", err);
        }
        if (shown != null) {
            String rate = String.format(Locale.ROOT, "%.0f MB/s", read / (double) MEGA / (nanos / 1e9));
            shown.show(read / MEGA, total / MEGA, rate);
        }
    }

    @Override
    public void close() {
        if (shown != null) {
            shown.close();
        }
    }
}
