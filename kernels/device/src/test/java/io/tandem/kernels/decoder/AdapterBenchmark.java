package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/**
 * Time of iterations whose rows use an adapter each, for each form, against the same iterations with the base model. Both
 * take turns. One thread runs everything, and time is that thread's time on the processor, so of other load on the machine
 * only that counts which takes the caches and the memory.
 *
 * <p>Arguments: layers, hidden and intermediate size of the random model, the type of its activations, rows, tokens of each
 * (1 to decode, more to prefill), rounds, iterations of a round, and forms by name. For example, after
 * {@code mvn test-compile} in kernels with its test class path in {@code $CP}, the shape of the sample model:
 *
 * <pre>java -cp $CP io.tandem.kernels.decoder.AdapterBenchmark 6 256 640 FLOAT32 16 1 9 20 lora ia3 mixed</pre>
 */
public final class AdapterBenchmark {
    private static final PrintStream OUT = System.out;
    private static final int RANK = 8;
    private static final int MAX_RANK = 16;
    private static final int HEAD = 32;
    private static final int VOCABULARY = 1024;
    private static final int CONTEXT = 128;
    private static final int ALREADY_THERE = 40;
    private static final double NANOS = 1e6;
    private static final List<String> FORMS = List.of("lora", "dora", "biased", "ia3", "series", "parallel");

    private final ModelConfig model;
    private final Random random = new Random(1);

    private AdapterBenchmark(int layers, int hidden, int intermediate) {
        int heads = hidden / HEAD;
        model = ModelConfig.llama(layers, hidden, heads, heads / 2, HEAD, intermediate, VOCABULARY)
                .maxPositions(CONTEXT)
                .tied(true)
                .build();
    }

    public static void main(String[] args) throws IOException {
        AdapterBenchmark benchmark =
                new AdapterBenchmark(Integer.parseInt(args[0]), Integer.parseInt(args[1]), Integer.parseInt(args[2]));
        int[] sizes =
                List.of(args).subList(4, 8).stream().mapToInt(Integer::parseInt).toArray();
        benchmark.run(Dtype.valueOf(args[3]), sizes, List.of(args).subList(8, args.length));
    }

    /** @param sizes rows, tokens of each, rounds, iterations */
    private void run(Dtype dtype, int[] sizes, List<String> forms) throws IOException {
        int rows = sizes[0];
        KernelsConfig limits = new KernelsConfig(
                dtype,
                WeightForm.AUTO,
                1,
                rows,
                CONTEXT,
                Math.max(CONTEXT, rows * sizes[1]),
                rows * forms.size(),
                MAX_RANK,
                CONTEXT,
                Stash.KEEP);
        try (TorchScriptDecoder device = Devices.load(TinyModel.of(model, 1), limits)) {
            OUT.println(device.limits());
            Segment[] base = batch(sizes, row -> IterationInputs.BASE);
            Map<String, Segment[]> batches = new LinkedHashMap<>();
            int[] next = {0};
            for (String form : forms) {
                batches.put(form, batch(sizes, row -> {
                    String own = form.equals("mixed") ? FORMS.get(row % FORMS.size()) : form;
                    device.putAdapter(next[0], adapter(own, next[0]));
                    return new int[] {next[0]++};
                }));
            }
            batches.forEach((form, batch) -> compare(device, form, base, batch, sizes[2], sizes[3]));
        }
    }

    private interface Slots {
        int[] of(int row);
    }

    private Segment[] batch(int[] sizes, Slots slots) {
        Segment[] batch = new Segment[sizes[0]];
        for (int row = 0; row < batch.length; row++) {
            int[] tokens = Devices.tokens(random, sizes[1], model.vocab());
            int start = tokens.length == 1 ? ALREADY_THERE : 0;
            batch[row] = new Segment(row, start, tokens, slots.of(row), Optional.of(Sampling.GREEDY));
        }
        return batch;
    }

    private Adapter adapter(String form, long seed) {
        return switch (form) {
            case "lora" -> TinyAdapters.random(model, LoraConfig.allLinears(), RANK, seed);
            case "svfit" -> TinyAdapters.random(model, LoraConfig.allLinears(), MAX_RANK, seed);
            case "dora" -> TinyAdapters.dora(model, RANK, seed);
            case "biased" -> TinyAdapters.biased(model, RANK, seed);
            case "ia3" -> TinyAdapters.scales(model, seed);
            case "series" -> TinyAdapters.bottlenecks(model, new Kind(Input.OUTPUT, Function.SILU, 1), MAX_RANK, seed);
            case "parallel" ->
                TinyAdapters.bottlenecks(model, new Kind(Input.STREAM, Function.RELU, 4), MAX_RANK, seed);
            default -> throw new IllegalArgumentException(form + " is no form");
        };
    }

    private static void compare(
            TorchScriptDecoder device, String form, Segment[] base, Segment[] batch, int rounds, int iterations) {
        List<Double> ratios = new ArrayList<>();
        List<Double> times = new ArrayList<>();
        millis(device, batch, iterations);
        for (int round = 0; round < rounds; round++) {
            double without = millis(device, base, iterations);
            double with = millis(device, batch, iterations);
            times.add(with);
            ratios.add(without / with);
        }
        Collections.sort(ratios);
        OUT.printf(
                Locale.ROOT,
                "%-10s %7.2f ms, %.0f %% of the base model's speed (%.0f to %.0f)%n",
                form,
                Collections.min(times),
                100 * ratios.get(rounds / 2),
                100 * ratios.get(0),
                100 * ratios.get(rounds - 1));
    }

    /** The median. */
    private static double millis(TorchScriptDecoder device, Segment[] batch, int iterations) {
        List<Long> times = new ArrayList<>();
        Devices.run(device, batch);
        for (int i = 0; i < iterations; i++) {
            long start = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
            Devices.run(device, batch);
            times.add(ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - start);
        }
        Collections.sort(times);
        return times.get(iterations / 2) / NANOS;
    }
}
