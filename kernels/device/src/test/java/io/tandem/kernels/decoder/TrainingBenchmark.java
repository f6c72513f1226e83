package io.tandem.kernels.decoder;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.MemoryPlan.Owner;
import io.tandem.kernels.MemoryPlan.Part;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.device.DeviceProfile;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.tensor.NativeEngine;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * Time and memory of one training step, forward and backward of a pack of one sequence, for every stash policy and for
 * a conventional step by autograd. The model is random, with the shape of SmolLM2-135M but for its layers.
 *
 * <p>Arguments: layers, tokens, rows of a window, repetitions, and what to measure: {@code autograd} or policies. For
 * example, after {@code mvn test-compile} in kernels with its test class path in {@code $CP}:
 *
 * <pre>java -cp $CP io.tandem.kernels.decoder.TrainingBenchmark 6 512 512 3 autograd KEEP RECOMPUTE INT8</pre>
 *
 * <p>One thread runs everything, and time is that thread's time on the processor, so other load on the machine hardly
 * counts. The system property {@code times} names a CSV file that gets a line for each step: {@code stash,ms}.
 *
 * <p>Memory is the most that the first step and what is reserved for it add to the process, without transposed weights
 * and optimizer. For that, measure one thing per process, with {@code MALLOC_MMAP_THRESHOLD_=65536}, since what the
 * allocator keeps of one thing serves the next, and {@code -Xms3g -Xmx3g -XX:+AlwaysPreTouch}. That makes steps up to
 * five times slower, so their times count only without it. The system property {@code parts} names a CSV file that gets
 * a line for each part of the memory: {@code stash,part,bytes}; {@code totals} one that gets a line for all of it,
 * {@code technique,bytes}, with the name that the property {@code technique} gives it.
 */
public final class TrainingBenchmark {
    private static final Optional<Path> PARTS =
            Optional.ofNullable(System.getProperty("parts")).map(Path::of);
    private static final Optional<Path> TOTALS =
            Optional.ofNullable(System.getProperty("totals")).map(Path::of);
    private static final Optional<Path> TIMES =
            Optional.ofNullable(System.getProperty("times")).map(Path::of);
    private static final int RANK = 16;
    private static final Set<Part> EXCLUDED =
            EnumSet.of(Part.TRANSPOSED_WEIGHTS, Part.ADAPTER, Part.GRADIENTS, Part.OPTIMIZER);
    /** Buffers that the collector found are freed by another thread. */
    private static final long SETTLE_NANOS = 3_000_000_000L;

    private static final PrintStream OUT = System.out;

    private final ModelConfig model;
    private final int tokens;
    private final int window;
    private final int repetitions;
    private final TrainingPack pack;

    private TrainingBenchmark(int layers, int tokens, int window, int repetitions) {
        this.tokens = tokens;
        this.window = window;
        this.repetitions = repetitions;
        model = ModelConfig.llama(layers, 576, 9, 3, 64, 1536, 49152)
                .maxPositions(8192)
                .tied(true)
                .build();
        pack = Devices.pack(new Random(1), model.vocab(), tokens);
    }

    public static void main(String[] args) throws IOException {
        TrainingBenchmark benchmark = new TrainingBenchmark(
                Integer.parseInt(args[0]),
                Integer.parseInt(args[1]),
                Integer.parseInt(args[2]),
                Integer.parseInt(args[3]));
        for (int i = 4; i < args.length; i++) {
            if (args[i].equals("autograd")) {
                benchmark.autograd();
            } else {
                benchmark.windowed(Stash.valueOf(args[i]));
            }
        }
    }

    private void autograd() throws IOException {
        NativeEngine.useThreads(1);
        try (ConventionalStep step = new ConventionalStep(model, RANK)) {
            step.run(few().sequences().get(0));
            long grown = measure(
                    "autograd", residentBytes(), () -> step.run(pack.sequences().get(0)));
            part("conventional autograd", "all of it as measured", grown);
            total(grown);
        }
    }

    private void windowed(Stash stash) throws IOException {
        KernelsConfig limits = DeviceProfile.ofThisMachine()
                .resolve(
                        new KernelsConfig(
                                Dtype.BFLOAT16, WeightForm.AUTO, 1, 1, tokens, window, 1, RANK, tokens, stash),
                        model);
        LoraConfig adapter = new LoraConfig(RANK, 2.0 * RANK, false, LoraConfig.allLinears(), "");
        MemoryPlan plan = MemoryPlan.training(model, limits, new LoraMethod(adapter), OptimizerConfig.DEFAULT);
        long excluded = EXCLUDED.stream().mapToLong(plan::bytes).sum();
        try (TorchScriptDecoder device = Devices.load(TinyModel.of(model, 1), limits)) {
            long before = residentBytes();
            device.openTrainee(0, TinyAdapters.random(model, adapter.targets(), RANK, 1), OptimizerConfig.DEFAULT);
            Devices.trainInWindows(device, new int[] {0}, few(), window);
            long grown = measure(
                    stash.name(), before + excluded, () -> Devices.trainInWindows(device, new int[] {0}, pack, window));
            long planned = plan.total(Owner.TRAINING) + plan.total(Owner.WEIGHTS) - excluded;
            if (TIMES.isEmpty()) {
                OUT.printf("%18d of them planned%n", planned / tokens);
            }
            String name = stash.name().toLowerCase(Locale.ROOT);
            for (Part part : Part.values()) {
                if (plan.bytes(part) > 0 && !EXCLUDED.contains(part)) {
                    part(name, part.name().toLowerCase(Locale.ROOT).replace('_', ' '), plan.bytes(part));
                }
            }
            part(name, "measured beyond the plan", Math.max(0, grown - planned));
            total(grown);
        }
    }

    private static void part(String stash, String part, long bytes) throws IOException {
        append(PARTS, stash + "," + part + "," + bytes);
    }

    private static void total(long bytes) throws IOException {
        append(TOTALS, System.getProperty("technique", "") + "," + bytes);
    }

    private static void append(Optional<Path> file, String line) throws IOException {
        if (file.isPresent()) {
            Files.writeString(file.get(), line + "\n", StandardOpenOption.APPEND);
        }
    }

    /** A pack for what only the first step does. */
    private TrainingPack few() {
        return Devices.pack(new Random(1), model.vocab(), 16);
    }

    /** @return the bytes of the first step */
    private long measure(String name, long baseBytes, Runnable step) throws IOException {
        long kept = residentBytes() - baseBytes;
        Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        long resident = status("VmRSS");
        double least = Double.POSITIVE_INFINITY;
        long grown = 0;
        for (int repetition = 0; repetition < repetitions; repetition++) {
            long start = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
            step.run();
            long end = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
            least = Math.min(least, (end - start) / 1e9);
            append(TIMES, name.toLowerCase(Locale.ROOT) + "," + (end - start) / 1_000_000);
            if (repetition == 0) {
                grown = kept + status("VmHWM") - resident;
            }
        }
        if (PARTS.isEmpty()) {
            OUT.printf(Locale.ROOT, "%-10s %7.0f ms, %.0f tokens/s%n", name, least * 1e3, tokens / least);
        }
        if (TIMES.isEmpty()) {
            OUT.printf(Locale.ROOT, "%-10s %7d bytes per token in the first step%n", name, grown / tokens);
        }
        return grown;
    }

    /** Without what is mapped from files, like libraries. Waits until what the collector found is freed. */
    private static long residentBytes() throws IOException {
        System.gc();
        LockSupport.parkNanos(SETTLE_NANOS);
        return status("RssAnon");
    }

    private static long status(String key) throws IOException {
        String line = Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(found -> found.startsWith(key))
                .findFirst()
                .orElseThrow();
        return 1024 * Long.parseLong(line.replaceAll("\\D+", ""));
    }
}
