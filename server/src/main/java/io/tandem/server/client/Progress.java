package io.tandem.server.client;

import java.io.PrintWriter;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** How far something long is: a bar that moves on a terminal, otherwise a line every few seconds, as logs need it. */
public interface Progress extends AutoCloseable {
    /** Set by the start script, which knows whether there is a terminal. */
    String VARIABLE = "TANDEM_PROGRESS";

    /** @param total 0 if it is not known yet */
    void show(long done, long total, String message);

    @Override
    void close();

    /** Whether it is shown as a bar. */
    static boolean bar() {
        return "bar".equals(System.getenv(VARIABLE));
    }

    /**
     * @param name of what is shown, for example a job
     * @param pattern of how much is done and of how much, for example {@code step %d/%d}
     */
    static Progress of(String name, String pattern, PrintWriter err) {
        return bar() ? new Bar(name) : new Lines(name, pattern, err);
    }

    /** On a terminal. */
    final class Bar implements Progress {
        private final ProgressBar bar;

        Bar(String name) {
            bar = new ProgressBarBuilder()
                    .setTaskName(name)
                    .setInitialMax(1)
                    .setStyle(ProgressBarStyle.ASCII)
                    .build();
        }

        @Override
        public void show(long done, long total, String message) {
            if (total > 0) {
                bar.maxHint(total);
                bar.stepTo(done);
            }
            bar.setExtraMessage(message);
        }

        @Override
        public void close() {
            bar.close();
        }
    }

    /** In a file or a pipe. */
    final class Lines implements Progress {
        private static final long NANOS_BETWEEN = 5_000_000_000L;

        private final String name;
        private final String pattern;
        private final PrintWriter err;
        private String shown = "";
        private long last;

        Lines(String name, String pattern, PrintWriter err) {
            this.name = name;
            this.pattern = pattern;
            this.err = err;
        }

        @Override
        public void show(long done, long total, String message) {
            String line =
                    name + ": " + (total > 0 ? String.format(Locale.ROOT, pattern, done, total) + ", " : "") + message;
            boolean due = shown.isEmpty() || System.nanoTime() - last > NANOS_BETWEEN || done == total;
            if (due && !line.equals(shown)) {
                err.println(line);
                err.flush();
                shown = line;
                last = System.nanoTime();
            }
        }

        @Override
        public void close() {
            err.flush();
        }
    }
}
