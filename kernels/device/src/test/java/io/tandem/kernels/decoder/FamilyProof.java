package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.adapter.compeft.CompeftFormat;
import io.tandem.kernels.adapter.compeft.CompressionSettings;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.reference.FamilyReference;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.Tolerances;
import io.tandem.kernels.weights.SafetensorsWriter;
import io.tandem.kernels.weights.StoredType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What is proven of a family: a small random model, written as HuggingFace saves it, gives the logits and the gradients
 * that {@link FamilyReference} computes in double precision, however sequences are cut. A test class for each family says
 * what its published code does, and what its {@code config.json} says.
 */
abstract class FamilyProof {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final int SLOT = 1;
    private static final double GRADIENT = 1e-4;
    /** The routers' logits spread by 2, and rounding to bfloat16 shifts them by less than this. */
    private static final double EXPERT_MARGIN = 0.2;

    @RegisterExtension
    final Seeded seeded = new Seeded();

    final Random random = seeded.random();
    final FamilyReference reference = new FamilyReference(random.nextLong());
    /** Keys of the {@code config.json}. */
    final Map<String, @Nullable Object> config = new LinkedHashMap<>();

    @TempDir
    Path directory;

    /** @param setUp sets what differs from Llama in the reference; sizes follow it into the configuration */
    FamilyProof(String architecture, String modelType, Consumer<FamilyReference> setUp) {
        setUp.accept(reference);
        config.put("architectures", List.of(architecture));
        config.put("model_type", modelType);
        config.put("hidden_size", reference.hidden);
        config.put("intermediate_size", reference.ffn);
        config.put("num_hidden_layers", reference.layers);
        config.put("num_attention_heads", reference.heads);
        config.put("num_key_value_heads", reference.kvHeads);
        config.put("vocab_size", reference.vocab);
        config.put("max_position_embeddings", 512);
        config.put("rms_norm_eps", reference.epsilon);
        config.put("tie_word_embeddings", reference.tied);
    }

    final ModelConfig write() throws IOException {
        Files.write(directory.resolve("config.json"), MAPPER.writeValueAsBytes(config));
        Map<String, SafetensorsWriter.Tensor> tensors = new TreeMap<>();
        reference.weights().forEach((name, weight) -> {
            long[] shape =
                    weight.rows() == 0 ? new long[] {weight.columns()} : new long[] {weight.rows(), weight.columns()};
            tensors.put(name, new SafetensorsWriter.Tensor(StoredType.F32, shape, weight.values()));
        });
        SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors);
        return ModelConfigReader.read(directory);
    }

    final TorchScriptDecoder load(KernelsConfig limits) {
        return load(limits, DecoderScript::new);
    }

    private TorchScriptDecoder load(KernelsConfig limits, Supplier<DecoderScript> scripts) {
        return TorchScriptDecoder.load(ModelSource.open(directory), limits, scripts, LoadProgress.NONE);
    }

    private Adapter adapter(ModelConfig model, int rank) {
        return TinyAdapters.mixedRanks(model, new LinkedHashSet<>(model.modules()), rank, random.nextLong());
    }

    @Test
    void logitsOfPromptsChunksAndDecodedTokens() throws IOException {
        checkLogits(Devices.limits(Dtype.FLOAT32, 1 + random.nextInt(2), 128, Stash.KEEP), Tolerances.FLOAT32_LOGITS);
    }

    @Test
    void logitsInBfloat16() throws IOException {
        checkLogits(Devices.limits(Dtype.BFLOAT16, 128, Stash.KEEP), Tolerances.BFLOAT16_LOGITS);
    }

    /** In float32 throughout, so that nothing but the form differs. */
    @ParameterizedTest
    @EnumSource(names = {"INT8", "INT4"})
    void logitsOfQuantizedWeights(WeightForm form) throws IOException {
        reference.weights().forEach((name, weight) -> {
            if (weight.rows() > 0) {
                reference.replace(name, QuantizedWeights.of(weight.values(), weight.columns(), form));
            }
        });
        checkLogits(Forms.limits(Dtype.FLOAT32, new WeightForms(form, 0, form), Stash.KEEP), Tolerances.FLOAT32_LOGITS);
    }

    /** Sequences with an adapter and without, cut at random and sharing iterations, as long as the cache. */
    private void checkLogits(KernelsConfig limits, Tolerances tolerance) throws IOException {
        ModelConfig model = write();
        List<@Nullable Adapter> adapters = new ArrayList<>();
        adapters.add(adapter(model, 5));
        adapters.add(null);
        adapters.add(null);
        try (TorchScriptDecoder device = load(limits)) {
            device.putAdapter(SLOT, device.prepare(adapters.get(0)));
            int[] lengths = {limits.contextTokens(), 9, 31};
            List<int[]> sequences = new ArrayList<>();
            List<double[][]> expected = new ArrayList<>();
            for (int s = 0; s < lengths.length; s++) {
                sequences.add(tokens(lengths[s], adapters.get(s)));
                expected.add(reference.logits(sequences.get(s), adapters.get(s)));
            }
            int[] done = new int[lengths.length];
            while (!Arrays.equals(done, lengths)) {
                List<Segment> segments = new ArrayList<>();
                List<Integer> drawn = new ArrayList<>();
                for (int s = 0; s < lengths.length; s++) {
                    int left = lengths[s] - done[s];
                    if (left > 0 && random.nextInt(4) > 0) {
                        int count = random.nextInt(4) > 0 ? 1 : 1 + random.nextInt(left);
                        int[] tokens = Arrays.copyOfRange(sequences.get(s), done[s], done[s] + count);
                        int[] slots = adapters.get(s) == null ? IterationInputs.BASE : new int[] {SLOT};
                        segments.add(Devices.segment(s, done[s], tokens, slots, Devices.scored(device)));
                        done[s] += count;
                        drawn.add(s);
                    }
                }
                List<Draw> draws = device.run(new IterationInputs(segments, Optional.empty()))
                        .draws();
                for (int i = 0; i < drawn.size(); i++) {
                    int s = drawn.get(i);
                    tolerance.check(
                            "sequence " + s + " after " + done[s] + " tokens",
                            Devices.narrow(Devices.logSoftmax(expected.get(s)[done[s] - 1])),
                            Devices.byToken(draws.get(i)));
                }
            }
        }
    }

    /** Random tokens, drawn again where rounding would choose the experts. */
    private int[] tokens(int count, @Nullable Adapter adapter) {
        int[] tokens = Devices.tokens(random, count, reference.vocab);
        int decided = 0;
        while (decided < count) {
            double[] margins = reference.expertMargins(tokens, adapter);
            while (decided < count && margins[decided] >= EXPERT_MARGIN) {
                decided++;
            }
            if (decided < count) {
                tokens[decided] = random.nextInt(reference.vocab);
            }
        }
        return tokens;
    }

    /** In two pieces, into a slot that another sequence has used; the one that it is copied from goes on too. */
    @Test
    void aCopiedBeginningGivesTheSameLogits() throws IOException {
        ModelConfig model = write();
        int[] tokens = Devices.tokens(random, 60, model.vocab());
        int shared = 20 + random.nextInt(30);
        try (TorchScriptDecoder device = load(Devices.limits(Dtype.FLOAT32, 128, Stash.KEEP))) {
            Devices.run(
                    device,
                    part(device, 1, 0, Arrays.copyOf(tokens, shared)),
                    part(device, 4, 0, Devices.tokens(random, 90, model.vocab())));
            int first = 1 + random.nextInt(shared - 1);
            device.copyCache(1, 4, 0, first);
            device.copyCache(1, 4, first, shared);
            for (int at = shared; at < tokens.length; at += 5) {
                int[] next = Arrays.copyOfRange(tokens, at, Math.min(tokens.length, at + 1 + at % 5));
                List<Draw> draws = Devices.run(device, part(device, 1, at, next), part(device, 4, at, next))
                        .draws();
                assertThat(Devices.byToken(draws.get(1)))
                        .containsExactly(Devices.byToken(draws.get(0)), Offset.offset(1e-4f));
                int last = at + next.length;
                Tolerances.FLOAT32_LOGITS.check(
                        "after " + last + " tokens",
                        Devices.narrow(Devices.logSoftmax(reference.logits(tokens, null)[last - 1])),
                        Devices.byToken(draws.get(1)));
                int[] rest = Arrays.copyOfRange(tokens, last, Math.min(tokens.length, at + 5));
                if (rest.length > 0) {
                    Devices.run(device, part(device, 1, last, rest), part(device, 4, last, rest));
                }
            }
        }
    }

    private static Segment part(TorchScriptDecoder device, int slot, int start, int[] tokens) {
        return Devices.segment(slot, start, tokens, IterationInputs.BASE, Devices.scored(device));
    }

    @ParameterizedTest
    @EnumSource
    void gradientsOfRandomWindows(Stash stash) throws IOException {
        ModelConfig model = write();
        Adapter adapter = adapter(model, 4);
        double tolerance = stash == Stash.INT8 ? GradientParityTest.INT8_RELATIVE : GRADIENT;
        try (TorchScriptDecoder device = load(Devices.limits(Dtype.FLOAT32, 1, 128, stash))) {
            for (int split = 0; split < 3; split++) {
                TrainingPack pack = Devices.pack(random, model.vocab(), 40, 1, 17);
                device.openTrainee(SLOT, device.prepare(adapter), OptimizerConfig.DEFAULT);
                checkMemory(device, model);
                List<Segment> beside = split == 0
                        ? List.of()
                        : List.of(Devices.segment(
                                2, 0, Devices.tokens(random, 9, model.vocab()), IterationInputs.BASE, Sampling.GREEDY));
                double loss = Devices.train(device, new int[] {SLOT}, pack, random, beside);
                compare(pack, adapter, loss, device.gradients(SLOT), tolerance, stash != Stash.INT8);
            }
        }
    }

    /** Before the norm behind a block, if the family has one, and behind all experts together. */
    @Test
    void gradientsBesideAnotherTrainee() throws IOException {
        ModelConfig model = write();
        List<Adapter> adapters = List.of(adapter(model, 4), adapter(model, 3));
        try (TorchScriptDecoder device = load(Devices.limits(Dtype.FLOAT32, 1 + random.nextInt(2), 128, Stash.KEEP))) {
            adapters.forEach(own -> device.openTrainee(adapters.indexOf(own), own, OptimizerConfig.DEFAULT));
            List<TrainingPack> packs = List.of(pack(model, 23, 14), pack(model, 30));
            List<Double> losses = SideBySide.train(device, packs, random);
            for (int slot = 0; slot < 2; slot++) {
                compare(packs.get(slot), adapters.get(slot), losses.get(slot), device.gradients(slot), GRADIENT, true);
            }
        }
    }

    private TrainingPack pack(ModelConfig model, int... lengths) {
        return Devices.pack(random, model.vocab(), lengths);
    }

    @ParameterizedTest
    @EnumSource
    void gradientsOfBottlenecks(Input input) throws IOException {
        ModelConfig model = write();
        Adapter adapter = TinyAdapters.bottlenecks(model, new Kind(input, Function.SILU, 0.7), 4, random.nextLong());
        try (TorchScriptDecoder device = load(Devices.limits(Dtype.FLOAT32, 128, Stash.RECOMPUTE))) {
            device.openTrainee(SLOT, device.prepare(adapter), OptimizerConfig.DEFAULT);
            TrainingPack pack = Devices.pack(random, model.vocab(), 40, 17);
            double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            compare(pack, adapter, loss, device.gradients(SLOT), GRADIENT, true);
        }
    }

    /** Training occupies what was planned, but for what lives for a moment. */
    private static void checkMemory(TorchScriptDecoder device, ModelConfig model) {
        MemoryPlan arena = MemoryPlan.arena(model, device.limits());
        long passing = arena.bytes(MemoryPlan.Part.LOGITS) + arena.bytes(MemoryPlan.Part.WINDOW);
        assertThat(device.trainingBytes(SLOT)).isEqualTo(device.memory().trainingBytes() - passing);
    }

    /**
     * Every operation exists in bfloat16 and computes the same. How much of a small random model's gradient is rounding
     * depends on the model, so its direction is compared.
     */
    @Test
    void gradientsInBfloat16() throws IOException {
        ModelConfig model = write();
        Adapter adapter = adapter(model, 4);
        try (TorchScriptDecoder device = load(Devices.limits(Dtype.BFLOAT16, 128, Stash.RECOMPUTE))) {
            TrainingPack pack = Devices.pack(random, model.vocab(), 40);
            device.openTrainee(SLOT, device.prepare(adapter), OptimizerConfig.DEFAULT);
            double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            TrainingPack.Sequence sequence = pack.sequences().get(0);
            FamilyReference.Result expected = reference.learn(sequence.tokens(), sequence.labels(), adapter);
            assertThat(loss).isCloseTo(expected.loss(), Percentage.withPercentage(10));
            double[] products = new double[3];
            device.gradients(SLOT).factors().forEach((site, actual) -> {
                LowRank right = expected.gradient().factors().get(site);
                addProducts(right.a(), actual.a(), products);
                addProducts(right.b(), actual.b(), products);
            });
            assertThat(products[0] / Math.sqrt(products[1] * products[2]))
                    .as("cosine of the gradients")
                    .isGreaterThan(0.8);
        }
    }

    /**
     * Keys and values of virtual tokens start as those of a text, also beyond a window. Along their gradient the loss rises as
     * it says.
     */
    @Test
    void keysAndValuesOfVirtualTokens() throws IOException {
        ModelConfig model = write();
        int[] text = tokens(40, null);
        int virtual = 8;
        int[] labels = new int[text.length - virtual];
        System.arraycopy(text, virtual + 1, labels, 0, labels.length - 1);
        labels[labels.length - 1] = TrainingPack.IGNORED;
        int[] rest = Arrays.copyOfRange(text, virtual, text.length);
        TrainingPack.Sequence learned = new TrainingPack.Sequence(rest, labels);
        Adapter fresh =
                new Adapter(new PrefixConfig(virtual, ""), KeysAndValues.fresh(model, Arrays.copyOf(text, virtual)));
        try (TorchScriptDecoder device = load(Devices.limits(Dtype.FLOAT32, 1, 128, Stash.RECOMPUTE))) {
            device.openTrainee(SLOT, fresh, OptimizerConfig.DEFAULT);
            Adapter start = device.snapshot(SLOT);
            TrainingPack pack = new TrainingPack(List.of(learned), TrainingPack.Purpose.LEARN);
            double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            double[][] logits = reference.logits(text, null);
            double expected = 0;
            for (int i = virtual; i + 1 < text.length; i++) {
                expected -= Devices.logSoftmax(logits[i])[text[i + 1]];
            }
            assertThat(loss).isCloseTo(expected, Percentage.withPercentage(0.01));
            float[] slope = values(device.gradients(SLOT));
            double norm = 0;
            for (float number : slope) {
                norm += number * number;
            }
            double step = 0.3 / norm;
            double rise = lossAt(device, start, slope, step, learned) - lossAt(device, start, slope, -step, learned);
            // Products of float32 and the curvature; where rounding may choose other experts, nothing is known.
            if (reference.experts == 0) {
                assertThat(rise).isCloseTo(2 * step * norm, Percentage.withPercentage(2));
            }
        }
    }

    private static float[] values(Adapter adapter) {
        return adapter.prefix().orElseThrow().parameter().values();
    }

    private double lossAt(
            TorchScriptDecoder device, Adapter start, float[] slope, double step, TrainingPack.Sequence text) {
        float[] moved = values(start).clone();
        for (int i = 0; i < moved.length; i++) {
            moved[i] += (float) (step * slope[i]);
        }
        Adapter there =
                new Adapter(start.config(), start.modules(), start.prefix().map(prefix -> prefix.with(moved)));
        device.putAdapter(0, there);
        TrainingPack pack = new TrainingPack(List.of(text), TrainingPack.Purpose.MEASURE);
        return Arrays.stream(Devices.forward(device, new int[] {0}, pack, random, List.of())
                        .losses())
                .sum();
    }

    /** Adds the product of both, and of each with itself. */
    private static void addProducts(float[] x, float[] y, double[] products) {
        for (int i = 0; i < x.length; i++) {
            products[0] += x[i] * y[i];
            products[1] += x[i] * x[i];
            products[2] += y[i] * y[i];
        }
    }

    private void compare(
            TrainingPack pack, Adapter adapter, double loss, Adapter gradients, double tolerance, boolean each) {
        List<FamilyReference.Result> expected = pack.sequences().stream()
                .map(sequence -> reference.learn(sequence.tokens(), sequence.labels(), adapter))
                .toList();
        double whole =
                expected.stream().mapToDouble(FamilyReference.Result::loss).sum();
        assertThat(loss).isCloseTo(whole, Percentage.withPercentage(100 * tolerance));
        double[] all = new double[2];
        gradients.modules().forEach((site, change) -> {
            for (int i = 0; i < change.parameters().size(); i++) {
                add(site, expected, change.parameters().get(i), i, each, all);
            }
        });
        assertThat(Math.sqrt(all[0] / all[1]))
                .as("relative error of the gradient")
                .isLessThan(tolerance);
    }

    /** Adds the squares of a parameter's differences and of what is expected; each tensor is checked too if asked for. */
    private static void add(
            Site site,
            List<FamilyReference.Result> expected,
            Parameter actual,
            int number,
            boolean each,
            double[] all) {
        List<float[]> parts = expected.stream()
                .map(result -> result.gradient()
                        .modules()
                        .get(site)
                        .parameters()
                        .get(number)
                        .values())
                .toList();
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < actual.values().length; i++) {
            double right = 0;
            for (float[] part : parts) {
                right += part[i];
            }
            difference += Math.pow(right - actual.values()[i], 2);
            norm += right * right;
        }
        all[0] += difference;
        all[1] += norm;
        if (each && norm == 0) {
            assertThat(site.expert())
                    .as("%s learns nothing, no token went through it", site)
                    .isNotNegative();
            assertThat(difference).as("gradient of %s", site).isZero();
        } else if (each) {
            assertThat(Math.sqrt(difference / norm))
                    .as("relative error of the gradient of %s.%s", site, actual.name())
                    .isLessThan(GRADIENT);
        }
    }

    /** An adapter by the names that PEFT gives to the linears of the family, and compressed. */
    @Test
    void adaptersAreReadAsTheyWereWritten() throws IOException {
        ModelConfig model = write();
        Adapter adapter = adapter(model, 4);
        PeftFormat.write(directory.resolve("peft"), adapter, model);
        assertThat(PeftFormat.read(directory.resolve("peft"), model, 8))
                .usingRecursiveComparison()
                .isEqualTo(adapter);
        CompeftFormat.write(directory.resolve("compeft"), adapter, CompressionSettings.of(0.3));
        assertThat(CompeftFormat.read(directory.resolve("compeft"), model, 8).modules())
                .containsOnlyKeys(adapter.modules().keySet());
    }

    /** How many rows each expert has is read; with a device that has no values the first has all. */
    private String withRows(String text) {
        if (reference.experts == 0) {
            return text;
        }
        List<String> counts = new ArrayList<>(Collections.nCopies(reference.experts, "0"));
        counts.set(0, "flat.size(0)");
        return text.replace("[int(count) for count in __torch__.tandem.host.read(counts)]", counts.toString());
    }

    /** On a device without values, where a tensor that is made elsewhere or a read fails. */
    @Test
    void everyTensorLivesOnTheDevice() throws IOException {
        ModelConfig model = write();
        KernelsConfig limits = Devices.limits(Dtype.BFLOAT16, 128, Stash.RECOMPUTE)
                .withNumerics(Dtype.BFLOAT16, WeightForms.of(WeightForm.PLAIN));
        try (TorchScriptDecoder device = load(limits, () -> MetaScript.load(this::withRows))) {
            device.openTrainee(SLOT, device.prepare(adapter(model, 4)), OptimizerConfig.DEFAULT);
            List<Segment> beside = List.of(
                    Devices.segment(0, 40, new int[] {1}, IterationInputs.BASE, Sampling.GREEDY),
                    Devices.segment(
                            2, 0, Devices.tokens(random, 30, model.vocab()), new int[] {SLOT}, Sampling.GREEDY));
            Devices.train(device, new int[] {SLOT}, Devices.pack(random, model.vocab(), 40), random, beside);
        }
    }
}
