package io.tandem.server;

import io.tandem.kernels.LoadProgress;
import io.tandem.server.client.Progress;
import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Shows how far a model has come, how fast, and when it will be there; nothing if that is within a moment. */
final class LoadingProgress implements LoadProgress, AutoCloseable {
    private static final long MOMENT_NANOS = 1_000_000_000;
    private static final double MAX_SECONDS = 1e6;
    private static final long MEGA = 1_000_000;

    private final String name;
    private final PrintWriter err;
    private final long start = System.nanoTime();
    private @Nullable Progress shown;
    /** Bytes that were there already. */
    private long before = -1;

    /** @param name of what is shown */
    LoadingProgress(String name, PrintWriter err) {
        this.name = name;
        this.err = err;
    }

    @Override
    public void show(long read, long total) {
        long nanos = System.nanoTime() - start;
        before = before < 0 ? read : Math.min(before, read);
        if (shown == null && nanos > MOMENT_NANOS) {
            shown = Progress.of(name, "%d of %d MB", err);
        }
        if (shown != null) {
            double bytesPerSecond = (read - before) / (nanos / 1e9);
            shown.show(
                    read / MEGA,
                    total / MEGA,
                    String.format(Locale.ROOT, "%.0f MB/s", bytesPerSecond / MEGA)
                            + remaining((total - read) / bytesPerSecond));
        }
    }

    /** A bar says it itself. */
    private static String remaining(double seconds) {
        return Progress.bar() || !(seconds < MAX_SECONDS) ? "" : String.format(Locale.ROOT, ", %.0f s left", seconds);
    }

    @Override
    public void close() {
        if (shown != null) {
            shown.close();
        }
    }
}
