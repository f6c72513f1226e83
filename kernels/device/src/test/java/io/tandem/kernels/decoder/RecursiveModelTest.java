package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.recursion.RecursiveConversion;
import io.tandem.kernels.recursion.SharedWeights;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.ModelFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A recursive model computes what a model of all layers does whose weights are the block's and the factors' product. */
class RecursiveModelTest {
    private static final int SLOT = 1;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Random random = seeded.random();

    @TempDir
    Path directory;

    private TinyModel tiny(int layers) throws IOException {
        ModelConfig config = ModelConfig.llama(layers, 32, 4, 2, 8, 44, 61)
                .biases(new Biases(true, true, true))
                .maxPositions(512)
                .build();
        TinyModel tiny = TinyModel.of(config, random.nextLong());
        tiny.write(directory.resolve("base"));
        return tiny;
    }

    private ModelFiles recursive(int loops, int rank, SharedWeights start) throws IOException {
        Path output = directory.resolve("recursive-" + loops + "-" + rank + "-" + start);
        new RecursiveConversion(ModelSource.open(directory.resolve("base")), loops, rank, start)
                .write(output, (done, total, what) -> {});
        return ModelSource.open(output);
    }

    private static TorchScriptDecoder load(ModelFiles files, KernelsConfig limits) {
        return TorchScriptDecoder.load(files, limits, LoadProgress.NONE);
    }

    /** The model of all layers that a recursive one stands for. */
    private static TinyModel whole(TinyModel base, ModelFiles files, ModelConfig model) {
        BaseWeights weights = BaseWeights.of(files.weights(), model);
        return base.withWeights((name, values) -> Site.all(base.config()).stream()
                .filter(site -> name.equals(site + ".weight"))
                .findFirst()
                .map(weights::of)
                .orElse(values));
    }

    private static float[] logits(TorchScriptDecoder device, int[] text, int[] slots) {
        return Devices.byToken(Devices.run(device, Devices.segment(0, 0, text, slots, Devices.scored(device)))
                .draws()
                .get(0));
    }

    @ParameterizedTest
    @EnumSource(SharedWeights.class)
    void fullRankReproducesTheOriginal(SharedWeights start) throws IOException {
        TinyModel base = tiny(4);
        int[] text = Devices.tokens(random, 12, 61);
        KernelsConfig limits = Devices.limits(Dtype.FLOAT32, 64, Stash.KEEP);
        float[] expected;
        try (TorchScriptDecoder device = Devices.load(base, limits)) {
            expected = logits(device, text, IterationInputs.BASE);
        }
        for (int rank : new int[] {1000, 4, 0}) {
            try (TorchScriptDecoder device = load(recursive(2, rank, start), limits)) {
                float[] found = logits(device, text, IterationInputs.BASE);
                if (rank == 1000) {
                    assertThat(found).as("seed %d", seed).containsExactly(expected, Offset.offset(5e-5f));
                } else {
                    assertThat(distance(found, expected)).isGreaterThan(1e-2);
                }
            }
        }
    }

    private static double distance(float[] left, float[] right) {
        double most = 0;
        for (int i = 0; i < left.length; i++) {
            most = Math.max(most, Math.abs(left[i] - right[i]));
        }
        return most;
    }

    /** Every form of adapter stands on the layers' own weights: what it computes and learns is what it would above them. */
    @ParameterizedTest
    @CsvSource({
        "LORA, 2, AVERAGE, KEEP",
        "DORA, 2, STEPWISE, RECOMPUTE",
        "IA3, 4, LOWER, KEEP",
        "BIASED, 2, LOWER, INT8",
        "SERIES, 2, AVERAGE, RECOMPUTE",
        "PREFIX, 4, STEPWISE, KEEP"
    })
    void adaptersStackOnIt(Form form, int loops, SharedWeights start, Stash stash) throws IOException {
        TinyModel base = tiny(4);
        KernelsConfig limits = Devices.limits(Dtype.FLOAT32, 128, stash);
        ModelFiles files = recursive(loops, 6, start);
        Adapter adapter = form.random(base.config(), random.nextLong());
        int[] text = Devices.tokens(random, 12, 61);
        try (TorchScriptDecoder device = load(files, limits);
                TorchScriptDecoder whole = Devices.load(whole(base, files, device.model()), limits)) {
            TrainingPack pack = MethodParityTest.after(adapter, Devices.pack(random, 61, 33, 1, 17));
            for (TorchScriptDecoder each : List.of(device, whole)) {
                each.putAdapter(0, adapter);
                each.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            }
            int[] own = adapter.virtualTokens() > 0 ? IterationInputs.BASE : new int[] {0};
            assertThat(logits(device, text, own))
                    .as("seed %d", seed)
                    .containsExactly(logits(whole, text, own), Offset.offset(5e-5f));
            double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            double expected = Devices.train(whole, new int[] {SLOT}, pack, random, List.of());
            double tolerance = stash == Stash.INT8 ? GradientParityTest.INT8_RELATIVE : 1e-4;
            assertThat(loss).isCloseTo(expected, Percentage.withPercentage(100 * tolerance));
            assertThat(SkippedLayersTest.error(whole.gradients(SLOT), device.gradients(SLOT)))
                    .as("seed %d", seed)
                    .isLessThan(tolerance);
        }
    }

    /** In whatever form weights are, factors are added to the products of the block. */
    @ParameterizedTest
    @CsvSource({"BFLOAT16, PLAIN", "BFLOAT16, PACKED", "FLOAT32, FLOAT16", "FLOAT32, INT8", "BFLOAT16, INT4"})
    void everyFormOfWeights(Dtype dtype, WeightForm form) throws IOException {
        KernelsConfig limits = Forms.limits(dtype, WeightForms.of(form), Stash.KEEP);
        tiny(4);
        int[] text = Devices.tokens(random, 12, 61);
        ModelFiles files = recursive(2, 5, SharedWeights.AVERAGE);
        float[] exact;
        try (TorchScriptDecoder device = load(files, Devices.limits(Dtype.FLOAT32, 64, Stash.KEEP))) {
            exact = logits(device, text, IterationInputs.BASE);
        }
        try (TorchScriptDecoder device = load(files, limits);
                TorchScriptDecoder strict = load(recursive(2, 0, SharedWeights.AVERAGE), limits)) {
            double error = distance(logits(device, text, IterationInputs.BASE), exact);
            double without = distance(logits(strict, text, IterationInputs.BASE), exact);
            assertThat(error).as("seed %d", seed).isLessThan(without / 2);
        }
    }

    /**
     * What the plan counts, the process takes: of three loops the block alone, and the factors. Something else may be allocated
     * or freed meanwhile, but not most of the times.
     */
    @Test
    @EnabledOnOs(OS.LINUX)
    void sharedWeightsAreHeldOnce() throws IOException {
        ModelConfig config =
                ModelConfig.llama(6, 256, 4, 4, 64, 1024, 61).maxPositions(512).build();
        TinyModel.of(config, 1).write(directory.resolve("base"));
        KernelsConfig limits = Devices.limits(Dtype.FLOAT32, 64, Stash.KEEP);
        ModelFiles base = ModelSource.open(directory.resolve("base"));
        ModelFiles files = recursive(3, 4, SharedWeights.LOWER);
        long own = config.layerParameters();
        long factors = config.layers()
                * 4L
                * config.linears().stream()
                        .flatMap(linear -> linear.modules().stream())
                        .mapToLong(module -> module.inputs(config) + module.outputs(config))
                        .sum();
        long expected = Float.BYTES * (own - own / 3 - factors);
        try (TorchScriptDecoder whole = load(base, limits);
                TorchScriptDecoder device = load(files, limits)) {
            assertThat(device.model().layerParameters()).isEqualTo(own / 3);
            assertThat(device.model().factorParameters()).isEqualTo(factors);
            assertThat(whole.memory().weightBytes() - device.memory().weightBytes())
                    .isEqualTo(expected);
        }
        double[] saved = new double[5];
        for (int i = 0; i < saved.length; i++) {
            saved[i] = taken(base, limits) - taken(files, limits);
        }
        Arrays.sort(saved);
        assertThat(saved[2]).as("of %s", Arrays.toString(saved)).isCloseTo(expected, Percentage.withPercentage(15));
    }

    private static long taken(ModelFiles files, KernelsConfig limits) {
        long before = NativeHeap.usedBytes();
        TorchScriptDecoder device = load(files, limits);
        long taken = NativeHeap.usedBytes() - before;
        device.close();
        return taken;
    }
}
