package io.tandem.server.client;

import java.io.PrintWriter;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** How far a job is: a bar that moves on a terminal, otherwise a line every few seconds, as logs need it. */
interface JobProgress extends AutoCloseable {
    /** Set by the start script, which knows whether there is a terminal. */
    String VARIABLE = "TANDEM_PROGRESS";

    /** @param totalSteps 0 if they are not known yet */
    void show(long step, long totalSteps, String message);

    @Override
    void close();

    static JobProgress of(String jobId, PrintWriter err) {
        return "bar".equals(System.getenv(VARIABLE)) ? new Bar(jobId) : new Lines(jobId, err);
    }

    /** On a terminal. */
    final class Bar implements JobProgress {
        private final ProgressBar bar;

        Bar(String jobId) {
            bar = new ProgressBarBuilder()
                    .setTaskName(jobId)
                    .setInitialMax(1)
                    .setStyle(ProgressBarStyle.ASCII)
                    .build();
        }

        @Override
        public void show(long step, long totalSteps, String message) {
            if (totalSteps > 0) {
                bar.maxHint(totalSteps);
                bar.stepTo(step);
            }
            bar.setExtraMessage(message);
        }

        @Override
        public void close() {
            bar.close();
        }
    }

    /** In a file or a pipe. */
    final class Lines implements JobProgress {
        private static final long NANOS_BETWEEN = 5_000_000_000L;

        private final String jobId;
        private final PrintWriter err;
        private String shown = "";
        private long last;

        Lines(String jobId, PrintWriter err) {
            this.jobId = jobId;
            this.err = err;
        }

        @Override
        public void show(long step, long totalSteps, String message) {
            String line = jobId + ": " + (totalSteps > 0 ? "step " + step + "/" + totalSteps + ", " : "") + message;
            boolean due = shown.isEmpty() || System.nanoTime() - last > NANOS_BETWEEN || step == totalSteps;
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
