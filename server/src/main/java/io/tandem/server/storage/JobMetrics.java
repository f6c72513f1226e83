package io.tandem.server.storage;

import io.tandem.scheduler.finetune.JobSink.Measured;
import io.tandem.scheduler.finetune.JobSink.StepReport;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.server.storage.document.Change;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A job's numbers: a table, and event files for TensorBoard in a folder of the job's. A step's line waits for the
 * validation loss that may still come, until {@link #flush} or the next step.
 */
public final class JobMetrics {
    private static final String HEADER =
            "step,epoch,train_loss,train_mean_token_accuracy,valid_loss,valid_mean_token_accuracy,valid_exact_match,"
                    + "reward_accuracy,learning_rate,gradient_norm,tokens,seconds";
    private static final int COLUMNS = HEADER.split(",").length;
    private static final double MILLIS = 1000.0;

    private final Storage storage;
    private final String log;
    private final Path folder;
    private final int stepsPerEpoch;
    private final int firstStep;
    private final Clock clock;
    private Optional<TensorBoardFile> board = Optional.empty();
    private Optional<StepReport> pending = Optional.empty();
    private Optional<Measured> measured = Optional.empty();

    /**
     * Where the numbers begin.
     *
     * @param step after which they go on
     */
    record Start(int stepsPerEpoch, int step) {}

    /**
     * Goes on after a step; lines of later ones, which the job will do again, are dropped when the first new one comes.
     *
     * @param folder for TensorBoard
     */
    JobMetrics(Storage storage, String jobId, Path folder, Start start, Clock clock) {
        this.storage = storage;
        this.log = log(jobId);
        this.folder = folder;
        this.stepsPerEpoch = start.stepsPerEpoch();
        this.firstStep = start.step() + 1;
        this.clock = clock;
    }

    static String log(String jobId) {
        return "steps/" + jobId;
    }

    private TensorBoardFile board() throws IOException {
        if (board.isEmpty()) {
            keepEarlierLines();
            AtomicFiles.createDirectories(folder);
            long files;
            try (Stream<Path> entries = Files.list(folder)) {
                files = entries.filter(entry -> entry.getFileName().toString().startsWith("events.out.tfevents."))
                        .count();
            }
            String name = "events.out.tfevents." + clock.instant().getEpochSecond() + ".tandem." + files;
            board = Optional.of(new TensorBoardFile(folder.resolve(name), wallSeconds(), firstStep));
        }
        return board.get();
    }

    private void keepEarlierLines() throws IOException {
        List<String> all = storage.lines(log);
        List<String> kept = all.stream()
                .filter(JobMetrics::isWhole)
                .filter(line -> Long.parseLong(line.substring(0, line.indexOf(','))) < firstStep)
                .toList();
        List<String> lines = new ArrayList<>(List.of(HEADER));
        lines.addAll(kept);
        if (!lines.equals(all)) {
            storage.writeSoon(new Change.Clear(log), new Change.Append(log, lines));
        }
    }

    private static boolean isWhole(String line) {
        return line.split(",", -1).length == COLUMNS && line.matches("[0-9]{1,18},.*");
    }

    /** The table of a job; empty if it has none. */
    static List<String> table(Storage storage, String jobId) throws IOException {
        return storage.lines(log(jobId));
    }

    public void step(StepReport report) throws IOException {
        TensorBoardFile board = board();
        flush();
        pending = Optional.of(report);
        Map<String, Double> values = new TreeMap<>(Map.of(
                "train/loss", report.loss(),
                "train/learning_rate", report.learningRate(),
                "train/gradient_norm", report.gradientNorm(),
                "train/tokens_per_second", report.tokens() / Math.max(report.seconds(), 1e-9)));
        putShares(values, "train", report.scores());
        board.scalars(wallSeconds(), report.step(), values);
    }

    public void measured(Measured news) throws IOException {
        TensorBoardFile board = board();
        measured = Optional.of(news);
        Map<String, Double> values = new TreeMap<>(Map.of("valid/loss", news.loss()));
        putShares(values, "valid", news.scores());
        news.lossByAbility().forEach((ability, loss) -> {
            if (!ability.isEmpty()) {
                values.put("valid/loss/" + ability, loss);
            }
        });
        board.scalars(wallSeconds(), news.step(), values);
    }

    private static void putShares(Map<String, Double> values, String set, Scores scores) {
        scores.tokenAccuracy().ifPresent(share -> values.put(set + "/mean_token_accuracy", share));
        scores.exactMatch().ifPresent(share -> values.put(set + "/exact_match", share));
        scores.rewardAccuracy().ifPresent(share -> values.put(set + "/reward_accuracy", share));
    }

    /** Writes what waits. */
    public void flush() throws IOException {
        board();
        if (pending.isEmpty() && measured.isEmpty()) {
            return;
        }
        String line = pending.map(this::line).orElseGet(() -> {
            int step = measured.orElseThrow().step();
            return step + "," + epoch(step) + ",,," + validation() + ",,,,,";
        });
        storage.writeSoon(new Change.Append(log, line));
        pending = Optional.empty();
        measured = Optional.empty();
    }

    private String line(StepReport report) {
        return Stream.of(
                        report.step(),
                        epoch(report.step()),
                        report.loss(),
                        share(report.scores().tokenAccuracy()),
                        validation(),
                        share(report.scores().rewardAccuracy()),
                        report.learningRate(),
                        report.gradientNorm(),
                        report.tokens(),
                        String.format(Locale.ROOT, "%.3f", report.seconds()))
                .map(String::valueOf)
                .reduce((left, right) -> left + "," + right)
                .orElseThrow();
    }

    /** The columns of a measurement. */
    private String validation() {
        return measured.map(Measured::scores)
                .map(scores -> scores.loss() + "," + share(scores.tokenAccuracy()) + "," + share(scores.exactMatch()))
                .orElse(",,");
    }

    private static String share(OptionalDouble share) {
        return share.isPresent() ? String.valueOf(share.getAsDouble()) : "";
    }

    private String epoch(int step) {
        return String.format(Locale.ROOT, "%.4f", (double) step / stepsPerEpoch);
    }

    private double wallSeconds() {
        return clock.millis() / MILLIS;
    }
}
