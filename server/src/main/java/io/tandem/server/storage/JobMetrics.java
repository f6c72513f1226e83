package io.tandem.server.storage;

import io.tandem.scheduler.finetune.JobSink.Measured;
import io.tandem.scheduler.finetune.JobSink.StepReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A job's numbers in its folder: a table, {@code metrics.csv}, and event files for TensorBoard. A step's line waits for
 * the validation loss that may still come, until {@link #flush} or the next step.
 */
public final class JobMetrics {
    private static final String TABLE = "metrics.csv";
    private static final String HEADER =
            "step,epoch,train_loss,valid_loss,reward_accuracy,learning_rate,gradient_norm," + "tokens,seconds";
    private static final int COLUMNS = HEADER.split(",").length;
    private static final double MILLIS = 1000.0;

    private final Path table;
    private final int stepsPerEpoch;
    private final Clock clock;
    private final TensorBoardFile board;
    private Optional<StepReport> pending = Optional.empty();
    private Optional<Measured> measured = Optional.empty();

    private JobMetrics(Path folder, int stepsPerEpoch, int step, Clock clock) throws IOException {
        this.table = folder.resolve(TABLE);
        this.stepsPerEpoch = stepsPerEpoch;
        this.clock = clock;
        long files;
        try (Stream<Path> entries = Files.list(folder)) {
            files = entries.filter(entry -> entry.getFileName().toString().startsWith("events.out.tfevents."))
                    .count();
        }
        String name = "events.out.tfevents." + clock.instant().getEpochSecond() + ".tandem." + files;
        this.board = new TensorBoardFile(folder.resolve(name), wallSeconds(), step + 1L);
    }

    /**
     * Goes on after a step; lines of later ones, which the job will do again, are dropped.
     *
     * @param folder of the job
     */
    static JobMetrics open(Path folder, int stepsPerEpoch, int step, Clock clock) throws IOException {
        List<String> kept = new ArrayList<>(List.of(HEADER));
        Path table = folder.resolve(TABLE);
        if (Files.exists(table)) {
            Files.readAllLines(table).stream()
                    .filter(line -> line.split(",", -1).length == COLUMNS && line.matches("[0-9]{1,18},.*"))
                    .filter(line -> Long.parseLong(line.substring(0, line.indexOf(','))) <= step)
                    .forEach(kept::add);
        }
        AtomicFiles.write(table, String.join("\n", kept) + "\n");
        return new JobMetrics(folder, stepsPerEpoch, step, clock);
    }

    /** The table of a job's folder. */
    static Path table(Path folder) {
        return folder.resolve(TABLE);
    }

    public void step(StepReport report) throws IOException {
        flush();
        pending = Optional.of(report);
        Map<String, Double> values = new TreeMap<>(Map.of(
                "train/loss", report.loss(),
                "train/learning_rate", report.learningRate(),
                "train/gradient_norm", report.gradientNorm(),
                "train/tokens_per_second", report.tokens() / Math.max(report.seconds(), 1e-9)));
        report.rewardAccuracy().ifPresent(accuracy -> values.put("train/reward_accuracy", accuracy));
        board.scalars(wallSeconds(), report.step(), values);
    }

    public void measured(Measured news) throws IOException {
        measured = Optional.of(news);
        Map<String, Double> values = new TreeMap<>(Map.of("valid/loss", news.loss()));
        news.rewardAccuracy().ifPresent(accuracy -> values.put("valid/reward_accuracy", accuracy));
        news.lossByAbility().forEach((ability, loss) -> {
            if (!ability.isEmpty()) {
                values.put("valid/loss/" + ability, loss);
            }
        });
        board.scalars(wallSeconds(), news.step(), values);
    }

    /** Writes what waits. */
    public void flush() throws IOException {
        if (pending.isEmpty() && measured.isEmpty()) {
            return;
        }
        String line = pending.map(this::line).orElseGet(() -> {
            Measured alone = measured.orElseThrow();
            return alone.step() + "," + epoch(alone.step()) + ",," + alone.loss() + ",,,,,";
        });
        Files.writeString(table, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        pending = Optional.empty();
        measured = Optional.empty();
    }

    private String line(StepReport report) {
        return Stream.of(
                        report.step(),
                        epoch(report.step()),
                        report.loss(),
                        measured.map(Measured::loss).map(String::valueOf).orElse(""),
                        report.rewardAccuracy().isPresent()
                                ? report.rewardAccuracy().getAsDouble()
                                : "",
                        report.learningRate(),
                        report.gradientNorm(),
                        report.tokens(),
                        String.format(Locale.ROOT, "%.3f", report.seconds()))
                .map(String::valueOf)
                .reduce((left, right) -> left + "," + right)
                .orElseThrow();
    }

    private String epoch(int step) {
        return String.format(Locale.ROOT, "%.4f", (double) step / stepsPerEpoch);
    }

    private double wallSeconds() {
        return clock.millis() / MILLIS;
    }
}
