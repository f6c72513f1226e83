package io.tandem.loadtest;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.PackProgress;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.decoder.TorchScriptDecoder;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.loadtest.figure.Table;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Measures steps of small LoRA jobs on the device, with packs side by side and in turns, which alternate in one process. Time
 * is that of the busiest lane on its processor, so other load on the machine hardly counts.
 */
@Command(
        name = "concurrent-jobs",
        mixinStandardHelpOptions = true,
        description = "Measures jobs that train side by side against jobs that train in turns.")
public final class ConcurrentJobs implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final double NANOS = 1e9;
    private static final int WARM_UP = 2;
    private static final int PACK_TOKENS = 2048;
    private static final int WINDOW = 1024;
    private static final int CONTEXT = 512;
    /** Tokens before that of an answer. */
    private static final int ANSWERED = 128;

    private static final int MOST_JOBS = 8;
    private static final int MOST_ANSWERS = 64;

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--jobs", split = ",", defaultValue = "2,4", description = "At once, up to 8; default 2 and 4.")
    private List<Integer> jobs = List.of();

    @Option(
            names = "--batch-sizes",
            split = ",",
            defaultValue = "1,4,8",
            description = "Of each job, in texts of 24 to 71 tokens; default ${DEFAULT-VALUE}.")
    private List<Integer> batches = List.of();

    @Option(
            names = "--answers",
            split = ",",
            defaultValue = "0,8",
            description = "In each iteration beside the jobs, up to 64; default ${DEFAULT-VALUE}.")
    private List<Integer> answers = List.of();

    @Option(names = "--threads", defaultValue = "2", description = "Of the device; default ${DEFAULT-VALUE}.")
    private int threads;

    @Option(names = "--rank", defaultValue = "8", description = "Of the adapters; default ${DEFAULT-VALUE}.")
    private int rank;

    @Option(names = "--rounds", defaultValue = "5", description = "Of which the median counts; default 5.")
    private int rounds;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For concurrent-jobs.csv.")
    private Path out = Path.of("");

    /** Of steps of all jobs: tokens trained and tokens answered, per second. */
    private record Speed(double trained, double answered) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new ConcurrentJobs()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        KernelsConfig limits = new KernelsConfig(
                Dtype.AUTO,
                WeightForm.AUTO,
                threads,
                MOST_ANSWERS,
                CONTEXT,
                PACK_TOKENS,
                MOST_JOBS,
                rank,
                PACK_TOKENS,
                Stash.KEEP);
        List<List<?>> rows = new ArrayList<>();
        OUT.println("| jobs | batch size | answers | in turns, tokens/s | side by side | ratio"
                + " | answers in turns, tokens/s | side by side |");
        OUT.println("|---|---|---|---|---|---|---|---|");
        try (DeviceModel device =
                TorchScriptDecoder.load(ModelSource.open(model.directory()), limits, LoadProgress.NONE)) {
            for (int job = 0; job < MOST_JOBS; job++) {
                device.openTrainee(
                        job,
                        TinyAdapters.random(device.model(), LoraConfig.allLinears(), rank, job),
                        OptimizerConfig.DEFAULT);
            }
            for (int beside : answers) {
                for (int count : jobs) {
                    for (int batch : batches) {
                        rows.add(compare(device, count, batch, beside));
                    }
                }
            }
        }
        Table.write(
                out.resolve("concurrent-jobs.csv"),
                "jobs,batch_size,answers,in_turn_tokens_per_s,together_tokens_per_s,ratio,"
                        + "in_turn_answered_per_s,together_answered_per_s",
                rows);
        return 0;
    }

    private List<?> compare(DeviceModel device, int count, int batch, int beside) {
        List<Speed> turns = new ArrayList<>();
        List<Speed> together = new ArrayList<>();
        List<Double> ratios = new ArrayList<>();
        for (int round = -WARM_UP; round < rounds; round++) {
            Random random = new Random(round);
            List<TrainingPack> packs = IntStream.range(0, count)
                    .mapToObj(job -> pack(random, batch, device.model().vocab()))
                    .toList();
            Speed first = new Round(device, beside).inTurn(packs);
            Speed second = new Round(device, beside).together(packs);
            if (round >= 0) {
                turns.add(first);
                together.add(second);
                ratios.add(second.trained() / first.trained());
            }
        }
        List<Number> row = List.of(
                count,
                batch,
                beside,
                median(turns, Speed::trained),
                median(together, Speed::trained),
                Math.round(100 * ratios.stream().sorted().toList().get(rounds / 2)) / 100.0,
                median(turns, Speed::answered),
                median(together, Speed::answered));
        OUT.printf(Locale.ROOT, "| %d | %d | %d | %d | %d | %.2f | %d | %d |%n", row.toArray());
        return row;
    }

    private static long median(List<Speed> speeds, ToDoubleFunction<Speed> of) {
        double[] sorted = speeds.stream().mapToDouble(of).sorted().toArray();
        return Math.round(sorted[sorted.length / 2]);
    }

    /** Of the second half of each text every token is learned, as of a question and its answer. */
    private static TrainingPack pack(Random random, int batch, int vocab) {
        List<TrainingPack.Sequence> sequences = new ArrayList<>();
        for (int i = 0; i < batch; i++) {
            int[] tokens = random.ints(24 + random.nextInt(48), 1, vocab).toArray();
            int[] labels = new int[tokens.length];
            Arrays.fill(labels, TrainingPack.IGNORED);
            System.arraycopy(
                    tokens, tokens.length / 2 + 1, labels, tokens.length / 2, tokens.length - tokens.length / 2 - 1);
            sequences.add(new TrainingPack.Sequence(tokens, labels));
        }
        return new TrainingPack(sequences, TrainingPack.Purpose.LEARN);
    }

    /** A step of each job. */
    private static final class Round {
        private final DeviceModel device;
        private final List<Segment> decodes;
        private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        private final long[] lanes;
        private long nanos;
        private int iterations;

        Round(DeviceModel device, int beside) {
            this.device = device;
            this.decodes = IntStream.range(0, beside)
                    .mapToObj(slot -> new Segment(
                            slot, ANSWERED, new int[] {1}, IterationInputs.BASE, Optional.of(Sampling.GREEDY)))
                    .toList();
            this.lanes = Arrays.stream(threads.getThreadInfo(threads.getAllThreadIds()))
                    .filter(thread -> thread != null && thread.getThreadName().equals("engine-lane"))
                    .mapToLong(ThreadInfo::getThreadId)
                    .toArray();
        }

        Speed inTurn(List<TrainingPack> packs) {
            for (int job = 0; job < packs.size(); job++) {
                int slot = job;
                time(() -> device.beginPack(new int[] {slot}, packs.get(slot)));
                train();
                time(() -> device.optimizerStep(slot, 1e-4, 1e-2));
            }
            return speed(packs);
        }

        Speed together(List<TrainingPack> packs) {
            time(() -> device.beginPack(new int[] {0}, packs.get(0)));
            for (int job = 1; job < packs.size(); job++) {
                int slot = job;
                time(() -> device.joinPack(new int[] {slot}, packs.get(slot)));
            }
            train();
            for (int job = 0; job < packs.size(); job++) {
                int slot = job;
                time(() -> device.optimizerStep(slot, 1e-4, 1e-2));
            }
            return speed(packs);
        }

        private void train() {
            for (PackProgress left = device.packProgress(); !left.done(); left = device.packProgress()) {
                TrainingWork work = left.forwardRows() > 0
                        ? new TrainingWork(Math.min(WINDOW, left.forwardRows()), 0)
                        : new TrainingWork(0, left.backwardRowLayers());
                time(() -> device.run(new IterationInputs(decodes, Optional.of(work))));
                iterations++;
            }
        }

        private Speed speed(List<TrainingPack> packs) {
            double seconds = nanos / NANOS;
            int rows = packs.stream().mapToInt(TrainingPack::rows).sum();
            return new Speed(rows / seconds, decodes.size() * iterations / seconds);
        }

        private void time(Runnable work) {
            long own = threads.getCurrentThreadCpuTime();
            long[] before = Arrays.stream(lanes).map(threads::getThreadCpuTime).toArray();
            work.run();
            long busiest = threads.getCurrentThreadCpuTime() - own;
            for (int lane = 0; lane < lanes.length; lane++) {
                busiest = Math.max(busiest, threads.getThreadCpuTime(lanes[lane]) - before[lane]);
            }
            nanos += busiest;
        }
    }
}
