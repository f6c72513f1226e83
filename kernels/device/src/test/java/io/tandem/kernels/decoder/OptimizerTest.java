package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.decoder.ScriptObjects.Extremes;
import io.tandem.kernels.decoder.ScriptObjects.Factors;
import io.tandem.kernels.decoder.ScriptObjects.Gradients;
import io.tandem.kernels.decoder.ScriptObjects.StepObject;
import io.tandem.kernels.tensor.Lanes;
import io.tandem.kernels.tensor.NativeEngine;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.Tolerances;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class OptimizerTest {
    private static final int STEPS = 6;
    private static final double LEARNING_RATE = 1e-2;
    private static final double SCALE = 1 / 7.0;

    private static final Tolerances EIGHT_BITS = Tolerances.EIGHT_BIT_STATE_WEIGHTS;

    private static final double MEAN_ERROR = 2e-5;

    /** Around one block and around the smallest factor with states in 8 bits; A and B by turns. */
    private static final List<Factor> AWKWARD = List.of(
            new Factor(LowRank.A, 1),
            new Factor(LowRank.B, 255),
            new Factor(LowRank.A, 256),
            new Factor(LowRank.B, 257),
            new Factor(LowRank.A, 1023),
            new Factor(LowRank.B, 1024),
            new Factor(LowRank.A, 1025),
            new Factor(LowRank.B, 8192),
            new Factor(LowRank.B, 5000));

    private static TensorScope root;
    private static DecoderScript script;
    private static Lanes lanes;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    @BeforeAll
    static void load() {
        NativeEngine.useThreads(1);
        root = TensorScope.root();
        script = new DecoderScript();
        lanes = new Lanes(3, 1);
    }

    @AfterAll
    static void close() {
        lanes.close();
        root.close();
    }

    /** Weights on the device and what updates them. */
    private final class Learner implements AutoCloseable {
        private final TensorScope scope = root.open();
        private final Optimizer optimizer;
        private final Factors weights;

        Learner(OptimizerConfig config, List<Factor> factors, double[] initial) {
            this(config, factors, Devices.narrow(initial));
        }

        Learner(OptimizerConfig config, List<Factor> factors, float[] initial) {
            weights = new Factors(scope.value(scope.tensor(initial, initial.length)));
            optimizer = new Optimizer(script, scope, config, weights, factors);
        }

        double step(double[] gradient) {
            try (TensorScope call = scope.open()) {
                Gradients gradients = gradients(call, gradient);
                List<StepObject> steps = new ArrayList<>();
                Piecework work = new Piecework(lanes);
                optimizer.step(work, call, gradients, LEARNING_RATE, SCALE, steps::add);
                for (long nanos = 0; !work.proceed(nanos); ) {
                    nanos = random.nextInt(100_000);
                }
                double norm = script.stepResult(call, steps.get(0), nothingPublished(call))[0];
                optimizer.count(norm);
                assertThat(call.floats(gradients.value())).containsOnly(0);
                return norm;
            }
        }

        private Extremes nothingPublished(TensorScope call) {
            return new Extremes(call.value(call.tensor(new float[4], 1, 4)));
        }

        /** Every lane found some of the numbers. */
        private Gradients gradients(TensorScope call, double[] gradient) {
            float[] found = new float[lanes.count() * gradient.length];
            for (int i = 0; i < gradient.length; i++) {
                found[i + gradient.length * random.nextInt(lanes.count())] = (float) gradient[i];
            }
            return new Gradients(call.value(call.tensor(found, lanes.count(), gradient.length)));
        }

        float[] weights() {
            try (TensorScope call = scope.open()) {
                return call.floats(weights.value());
            }
        }

        @Override
        public void close() {
            scope.close();
        }
    }

    private static OptimizerConfig config(Method method) {
        return new OptimizerConfig(method, 0.8, 0.95, 1e-6, 0.1, 3, 4);
    }

    /** Of many magnitudes, as gradients are; each is a float32. */
    private double[] gradient(List<Factor> factors) {
        double[] gradient = new double[numbers(factors)];
        for (int i = 0; i < gradient.length; i++) {
            gradient[i] = (float) (random.nextGaussian() * Math.exp(2 * random.nextGaussian()));
        }
        return gradient;
    }

    private static int numbers(List<Factor> factors) {
        return factors.stream().mapToInt(Factor::length).sum();
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void stepsFollowThePaper(Method method) {
        List<List<Factor>> cases = new ArrayList<>();
        AWKWARD.forEach(factor -> cases.add(List.of(factor)));
        cases.add(AWKWARD);
        for (List<Factor> factors : cases) {
            double[] initial = gradient(factors);
            OptimizerReference reference = new OptimizerReference(config(method), factors, initial);
            try (Learner learner = new Learner(config(method), factors, initial)) {
                List<BitSet> rounded = List.of(new BitSet(), new BitSet());
                for (int step = 0; step < STEPS; step++) {
                    double[] gradient = gradient(factors);
                    double expected = reference.step(gradient, LEARNING_RATE, SCALE);
                    double norm = learner.step(gradient);
                    Tolerances.FLOAT32.check("norm", new double[] {expected}, new double[] {norm});
                    if (method == Method.ADAMW_8BIT && numbers(factors) >= OptimizerConfig.MIN_QUANTIZED) {
                        compareButForTies(reference.weights(), learner.weights());
                        compareCodes(reference, learner.optimizer.state(), rounded);
                    } else {
                        float[] expectedWeights = Devices.narrow(reference.weights());
                        float[] weights = learner.weights();
                        assertThat(reference.undecided().cardinality()).isLessThan(5);
                        reference.undecided().stream().forEach(i -> expectedWeights[i] = weights[i]);
                        Tolerances.FLOAT32_WEIGHTS.check(factors + " step " + step, expectedWeights, weights);
                    }
                }
            }
        }
    }

    /** A moment that was rounded to the other side moves its weight far: few may, and the mean stays small. */
    private static void compareButForTies(double[] expected, float[] actual) {
        int beyond = 0;
        double sum = 0;
        for (int i = 0; i < actual.length; i++) {
            double error = Math.abs(actual[i] - expected[i]);
            beyond += error > EIGHT_BITS.absolute() + EIGHT_BITS.relative() * Math.abs(expected[i]) ? 1 : 0;
            sum += error;
        }
        assertThat(beyond).isLessThanOrEqualTo((int) (EIGHT_BITS.outliers() * actual.length));
        assertThat(sum / actual.length).isLessThan(MEAN_ERROR);
    }

    /**
     * A code may be rounded to its neighbour. From then on its moment is another one, and how far that takes its later
     * codes is not bounded; but such codes stay few.
     *
     * @param rounded the codes of each moment that were rounded otherwise in a step before
     */
    private static void compareCodes(OptimizerReference reference, OptimizerState state, List<BitSet> rounded) {
        List<byte[]> expected = reference.codes();
        List<String> names = List.of("first_codes", "second_codes");
        for (int moment = 0; moment < names.size(); moment++) {
            byte[] codes = state.tensors().get(names.get(moment));
            assertThat(codes).hasSameSizeAs(expected.get(moment));
            BitSet before = (BitSet) rounded.get(moment).clone();
            for (int i = 0; i < codes.length; i++) {
                int difference = Math.abs((codes[i] & 0xff) - (expected.get(moment)[i] & 0xff));
                assertThat(before.get(i) || difference <= 1)
                        .as("%s %d is off by %d", names.get(moment), i, difference)
                        .isTrue();
                rounded.get(moment).set(i, before.get(i) || difference > 0);
            }
            assertThat(rounded.get(moment).cardinality()).as(names.get(moment)).isLessThanOrEqualTo((int)
                    (EIGHT_BITS.outliers() * codes.length));
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void aRestoredStateGoesOnBitForBit(Method method) {
        double[] initial = gradient(AWKWARD);
        List<double[]> gradients = new ArrayList<>();
        for (int step = 0; step < STEPS; step++) {
            gradients.add(gradient(AWKWARD));
        }
        try (Learner whole = new Learner(config(method), AWKWARD, initial)) {
            gradients.subList(0, 3).forEach(whole::step);
            float[] half = whole.weights();
            OptimizerState state = whole.optimizer.state();
            gradients.subList(3, STEPS).forEach(whole::step);
            try (Learner resumed = new Learner(config(method), AWKWARD, half)) {
                resumed.optimizer.restore(state);
                sameState(resumed.optimizer.state(), state);
                gradients.subList(3, STEPS).forEach(resumed::step);
                assertThat(resumed.weights()).containsExactly(whole.weights());
                sameState(resumed.optimizer.state(), whole.optimizer.state());
            }
        }
    }

    private static void sameState(OptimizerState actual, OptimizerState expected) {
        assertThat(actual.steps()).isEqualTo(expected.steps());
        assertThat(actual.tensors()).containsOnlyKeys(expected.tensors().keySet());
        expected.tensors()
                .forEach((name, bytes) ->
                        assertThat(actual.tensors().get(name)).as(name).containsExactly(bytes));
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void foreignStatesAreRefusedByName(Method method) {
        for (Method other : Method.values()) {
            try (Learner learner = new Learner(config(method), AWKWARD, gradient(AWKWARD));
                    Learner foreign = new Learner(config(other), AWKWARD, gradient(AWKWARD))) {
                OptimizerState state = foreign.optimizer.state();
                if (method == other) {
                    refusesWrongSizes(learner.optimizer, state);
                } else {
                    assertThatThrownBy(() -> learner.optimizer.restore(state))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContaining(method + " has [")
                            .hasMessageContaining(state.tensors().firstKey());
                }
            }
        }
    }

    private static void refusesWrongSizes(Optimizer optimizer, OptimizerState state) {
        for (String name : state.tensors().keySet()) {
            SortedMap<String, byte[]> tensors = new TreeMap<>(state.tensors());
            tensors.put(name, new byte[5]);
            assertThatThrownBy(() -> optimizer.restore(new OptimizerState(1, tensors)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(name + " has 5 bytes");
        }
        assertThatThrownBy(() -> optimizer.restore(new OptimizerState(-1, state.tensors())))
                .hasMessageContaining("-1 steps");
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void aBrokenGradientChangesNothing(Method method) {
        double[] initial = gradient(AWKWARD);
        try (Learner learner = new Learner(config(method), AWKWARD, initial)) {
            learner.step(gradient(AWKWARD));
            float[] weights = learner.weights();
            OptimizerState state = learner.optimizer.state();
            for (double broken : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
                double[] gradient = gradient(AWKWARD);
                gradient[random.nextInt(gradient.length)] = broken;
                assertThat(learner.step(gradient)).isNotFinite();
                assertThat(learner.weights()).containsExactly(weights);
                sameState(learner.optimizer.state(), state);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void theRatioOfLoraPlusChangesOnlyB(Method method) {
        // From zero a weight is its step alone, so that no rounding of the sum is multiplied by the ratio.
        double[] initial = new double[AWKWARD.stream().mapToInt(Factor::length).sum()];
        double[] gradient = gradient(AWKWARD);
        List<float[]> weights = new ArrayList<>();
        for (double ratio : new double[] {1, 16}) {
            OptimizerConfig config = new OptimizerConfig(method, 0.9, 0.99, 1e-8, 0, 0, ratio);
            try (Learner learner = new Learner(config, AWKWARD, initial)) {
                learner.step(gradient);
                weights.add(learner.weights());
            }
        }
        int at = 0;
        for (Factor factor : AWKWARD) {
            for (int end = at + factor.length(); at < end; at++) {
                float expected = (factor.name().equals(LowRank.B) ? 16 : 1) * weights.get(0)[at];
                Tolerances.FLOAT32_WEIGHTS.check(
                        factor.toString(), new float[] {expected}, new float[] {weights.get(1)[at]});
                if (!factor.name().equals(LowRank.B)) {
                    assertThat(weights.get(1)[at]).isEqualTo(weights.get(0)[at]);
                }
            }
        }
    }

    @Test
    void clippingKeepsTheDirectionAndBoundsTheNorm() {
        List<Factor> factors = List.of(new Factor(LowRank.A, 300));
        OptimizerConfig clipped = new OptimizerConfig(Method.SGD, 0, 0, 1e-8, 0, 1e-3, 1);
        double[] gradient = gradient(factors);
        try (Learner learner = new Learner(clipped, factors, new double[300])) {
            double norm = learner.step(gradient);
            double[] expected = gradient.clone();
            for (int i = 0; i < expected.length; i++) {
                expected[i] *= -LEARNING_RATE * SCALE * 1e-3 / norm;
            }
            Tolerances.FLOAT32.check("weights", Devices.narrow(expected), learner.weights());
        }
    }
}
