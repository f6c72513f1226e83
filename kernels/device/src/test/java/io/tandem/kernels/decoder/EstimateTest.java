package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.learning.Estimate;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.adapter.learning.SensitiveWeights;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What a mini-batch says of how much modules and ranks of an adapter matter. */
class EstimateTest {
    private static final int SLOT = 1;
    private static final double SCALE = 0.1;
    private static final Percentage FLOAT32 = Percentage.withPercentage(0.05);

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Random random = seeded.random();

    /** Products of weights and autograd's gradients, with cancellation: the tolerance is one of their mean magnitude. */
    @ParameterizedTest
    @CsvSource({"LLAMA, KEEP, 1", "BIASES, RECOMPUTE, 1", "QWEN3, KEEP, 2"})
    void ranksAreEstimatedByWeightsTimesGradients(TinyModel.Variant variant, Stash stash, int lanes)
            throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        Adapter adapter = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 5, random.nextLong());
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 33, 1, 17, 2);
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(Dtype.FLOAT32, lanes, 128, stash));
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            device.learn(SLOT, LearningPlan.ESTIMATING);
            Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            SortedMap<Site, Estimate> estimates = device.estimates(SLOT, SCALE);
            SortedMap<Site, LowRank> gradients =
                    reference.run(pack, adapter).gradient().factors();
            assertThat(estimates.keySet()).isEqualTo(adapter.modules().keySet());
            adapter.factors().forEach((site, factors) -> {
                LowRank gradient = Objects.requireNonNull(gradients.get(site));
                for (int rank = 0; rank < factors.rank(); rank++) {
                    double[] ofA = mean(factors.a(), gradient.a(), rank * factors.inputs(), 1, factors.inputs());
                    double[] ofB = mean(factors.b(), gradient.b(), rank, factors.rank(), factors.outputs());
                    double expected = SCALE * (Math.abs(ofA[0]) + Math.abs(ofB[0]));
                    assertThat(Math.abs(estimates.get(site).ranks().get(rank) - expected))
                            .as("rank %d of %s, seed %d", rank, site, seed)
                            .isLessThan(1e-3 * SCALE * (ofA[1] + ofB[1]));
                }
                double scaled = factors.scaling() * factors.scaling() * squares(factors.a());
                double sensitivity = SCALE * SCALE * squares(gradient.b()) * factors.inputs() / scaled;
                assertThat(estimates.get(site).sensitivity())
                        .as("%s, seed %d", site, seed)
                        .isCloseTo(sensitivity, FLOAT32);
            });
        }
    }

    /** Of the products, and of their magnitudes. */
    private static double[] mean(float[] weights, float[] gradient, int from, int stride, int count) {
        double sum = 0;
        double magnitudes = 0;
        for (int i = 0; i < count; i++) {
            double product = (double) weights[from + i * stride] * gradient[from + i * stride];
            sum += product;
            magnitudes += Math.abs(product);
        }
        return new double[] {sum / count, magnitudes / count};
    }

    private static double squares(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return sum;
    }

    /**
     * Autograd has the gradients of whole weights where A is the identity. One estimate of rank 8 errs by half at most, in
     * standard deviations, so the mean of 40 is within five of those.
     */
    @Test
    void sensitivityIsThatOfTheWholeWeightOnAverage() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        ModelConfig model = tiny.config();
        TrainingPack pack = Devices.pack(random, model.vocab(), 20, 9);
        LoraConfig config = new LoraConfig(8, 16, false, LoraConfig.allLinears(), "");
        int draws = 40;
        Map<Site, Double> sums = new TreeMap<>();
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32);
                AutogradReference reference = new AutogradReference(model, tiny.weights())) {
            for (int draw = 0; draw < draws; draw++) {
                device.openTrainee(
                        SLOT, new LoraMethod(config).start(model, random.nextLong()), OptimizerConfig.DEFAULT);
                device.learn(SLOT, LearningPlan.SENSING);
                Devices.trainInWindows(device, new int[] {SLOT}, pack, 29);
                device.estimates(SLOT, 1).forEach((site, e) -> sums.merge(site, e.sensitivity(), Double::sum));
            }
            reference
                    .run(pack, identities(config, model))
                    .gradient()
                    .factors()
                    .forEach((site, whole) -> assertThat(sums.get(site) / draws)
                            .as("%s, seed %d", site, seed)
                            .isCloseTo(squares(whole.b()), Percentage.withPercentage(40)));
        }
    }

    private static Adapter identities(LoraConfig config, ModelConfig model) {
        Map<Site, LowRank> identities = new TreeMap<>();
        config.sites(model).forEach(site -> {
            int inputs = site.module().inputs(model);
            float[] identity = new float[inputs * inputs];
            for (int i = 0; i < inputs; i++) {
                identity[i * (inputs + 1)] = 1;
            }
            int outputs = site.module().outputs(model);
            identities.put(site, new LowRank(inputs, inputs, outputs, identity, new float[outputs * inputs], 1));
        });
        return new Adapter(config, identities);
    }

    /** Of equal squares any may come first, so what they are is compared, and that they are those of the places. */
    @ParameterizedTest
    @CsvSource({"LLAMA, KEEP, 1", "BIASES, RECOMPUTE, 2"})
    void theMostSensitiveWeightsAreThoseOfTheWholeGradient(TinyModel.Variant variant, Stash stash, int lanes)
            throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        ModelConfig model = tiny.config();
        TrainingPack pack = Devices.pack(random, model.vocab(), 33, 1, 17, 2);
        LoraConfig config = new LoraConfig(8, 16, false, LoraConfig.allLinears(), "");
        Adapter start = new LoraMethod(config).start(model, random.nextLong());
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(Dtype.FLOAT32, lanes, 128, stash));
                AutogradReference reference = new AutogradReference(model, tiny.weights())) {
            SortedMap<Site, LowRank> whole =
                    reference.run(pack, identities(config, model)).gradient().factors();
            device.openTrainee(SLOT, start, OptimizerConfig.DEFAULT);
            for (int layer = 0; layer < model.layers(); layer++) {
                device.learn(SLOT, LearningPlan.sensing(new TreeSet<>(List.of(layer))));
                Devices.train(device, new int[] {SLOT}, pack, random, List.of());
                SortedMap<Site, Estimate> estimates = device.estimates(SLOT, 1);
                device.optimizerStep(SLOT, 0, 1);
                for (Map.Entry<Site, Estimate> entry : estimates.entrySet()) {
                    Site site = entry.getKey();
                    Optional<SensitiveWeights> sensitive = entry.getValue().sensitive();
                    assertThat(sensitive.isPresent()).isEqualTo(site.layer() == layer);
                    sensitive.ifPresent(found -> compare(
                            found,
                            whole.get(site).b(),
                            SensitiveWeights.most(start.modules().get(site))));
                }
            }
        }
    }

    private void compare(SensitiveWeights found, float[] gradient, int most) {
        double all = squares(gradient);
        double[] sorted = IntStream.range(0, gradient.length)
                .mapToDouble(i -> -(double) gradient[i] * gradient[i] / all)
                .sorted()
                .toArray();
        assertThat(found.places()).hasSize(most).doesNotHaveDuplicates();
        for (int i = 0; i < most; i++) {
            double own = (double) gradient[found.places()[i]] * gradient[found.places()[i]] / all;
            assertThat((double) found.shares()[i])
                    .as("number %d, seed %d", i, seed)
                    .isCloseTo(own, Percentage.withPercentage(0.5))
                    .isCloseTo(-sorted[i], Percentage.withPercentage(0.5));
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void aStepWithoutALearningRateChangesNothing(Method method) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        Adapter adapter = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 4, random.nextLong());
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 9);
        OptimizerConfig optimizer = new OptimizerConfig(method, 0.9, 0.99, 1e-8, 0.1, 1, 1);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, adapter, optimizer);
            Devices.trainInWindows(device, new int[] {SLOT}, pack, 29);
            assertThat(device.optimizerStep(SLOT, 0, SCALE)).isPositive();
            assertThat(device.snapshot(SLOT)).usingRecursiveComparison().isEqualTo(adapter);
        }
    }

    /** The first layer's projections see nothing but embeddings, so their outputs can be computed here. */
    @ParameterizedTest
    @CsvSource({"LLAMA, 1", "BIASES, 2"})
    void outputsAreComparedWithTheBases(TinyModel.Variant variant, int lanes) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        Adapter adapter = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 5, random.nextLong());
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(Dtype.FLOAT32, lanes, 128, Stash.KEEP))) {
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            device.learn(SLOT, LearningPlan.ESTIMATING);
            for (int step = 0; step < 2; step++) {
                TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 21, 9, 14);
                Devices.train(device, new int[] {SLOT}, pack, random, List.of());
                SortedMap<Site, Estimate> estimates = device.estimates(SLOT, SCALE);
                Adapter now = device.snapshot(SLOT);
                for (TargetModule module : List.of(TargetModule.Q_PROJ, TargetModule.K_PROJ, TargetModule.V_PROJ)) {
                    Site site = new Site(0, module);
                    double expected = pack.sequences().stream()
                            .flatMapToInt(sequence -> Arrays.stream(sequence.tokens()))
                            .mapToDouble(
                                    token -> ratio(tiny, site, now.factors().get(site), normed(tiny, token)))
                            .sum();
                    assertThat(estimates.get(site).output())
                            .as("%s, seed %d", site, seed)
                            .isCloseTo(expected, FLOAT32);
                }
                assertThat(device.optimizerStep(SLOT, 1e-2, SCALE)).isFinite();
            }
        }
    }

    private static double[] normed(TinyModel tiny, int token) {
        ModelConfig model = tiny.config();
        float[] embedding = tiny.weights().get("model.embed_tokens.weight");
        float[] weight = tiny.weights().get("model.layers.0.input_layernorm.weight");
        double[] x = new double[model.hidden()];
        double squares = 0;
        for (int i = 0; i < x.length; i++) {
            x[i] = embedding[token * x.length + i];
            squares += x[i] * x[i];
        }
        double root = Math.sqrt(squares / x.length + model.norms().epsilon());
        for (int i = 0; i < x.length; i++) {
            x[i] *= weight[i] / root;
        }
        return x;
    }

    private static double ratio(TinyModel tiny, Site site, LowRank factors, double[] x) {
        Map<String, float[]> weights = tiny.weights();
        double[] base = times(weights.get(site + ".weight"), x);
        float[] bias = weights.get(site + ".bias");
        for (int i = 0; i < base.length && bias != null; i++) {
            base[i] += bias[i];
        }
        double[] own = times(factors.b(), times(factors.a(), x));
        return factors.scaling() * norm(own) / norm(base);
    }

    private static double[] times(float[] matrix, double[] x) {
        double[] y = new double[matrix.length / x.length];
        for (int i = 0; i < matrix.length; i++) {
            y[i / x.length] += matrix[i] * x[i % x.length];
        }
        return y;
    }

    private static double norm(double[] x) {
        return Math.sqrt(Arrays.stream(x).map(v -> v * v).sum());
    }

    /** Comparing changes nothing of what is learned, and ends when the plan says so. */
    @Test
    void estimatesLeaveTrainingAsItIs() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        Adapter adapter = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 5, random.nextLong());
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            Adapter[] results = new Adapter[2];
            for (int i = 0; i < 2; i++) {
                device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
                if (i == 1) {
                    device.learn(SLOT, LearningPlan.ESTIMATING);
                }
                Devices.trainInWindows(device, new int[] {SLOT}, pack, 13);
                if (i == 1) {
                    device.estimates(SLOT, SCALE);
                }
                device.optimizerStep(SLOT, 1e-2, SCALE);
                results[i] = device.snapshot(SLOT);
            }
            assertThat(results[1]).usingRecursiveComparison().isEqualTo(results[0]);
            device.learn(SLOT, LearningPlan.EVERYTHING);
            assertThatThrownBy(() -> device.estimates(SLOT, SCALE)).hasMessageContaining("no estimates");
            device.openTrainee(SLOT, TinyAdapters.dora(tiny.config(), 3, 1), OptimizerConfig.DEFAULT);
            assertThatThrownBy(() -> device.learn(SLOT, LearningPlan.ESTIMATING))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("not a product of low-rank factors");
        }
    }
}
