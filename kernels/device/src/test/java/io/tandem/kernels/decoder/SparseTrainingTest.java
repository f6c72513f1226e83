package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.HeldWeights;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.SparseConfig;
import io.tandem.kernels.adapter.SparseFactors;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.adapter.method.PstMethod;
import io.tandem.kernels.made.NewBase;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Training over sparse weights, and the base model that comes of it; see {@link MethodParityTest} for its gradients. */
class SparseTrainingTest {
    private static final int SLOT = 1;

    @TempDir
    Path directory;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
    private final ModelConfig model = tiny.config();
    private final TrainingPack pack = Devices.pack(random, model.vocab(), 20, 9, 17);
    private final TrainingPack measured = new TrainingPack(pack.sequences(), TrainingPack.Purpose.MEASURE);

    private static TorchScriptDecoder load(Path path, KernelsConfig limits) {
        return TorchScriptDecoder.load(ModelSource.open(path), limits, LoadProgress.NONE);
    }

    /** @param zeros of each weight after the step */
    private void step(TorchScriptDecoder device, double zeros) {
        device.learn(SLOT, LearningPlan.leavingOut(zeros));
        Devices.trainInWindows(device, new int[] {SLOT}, pack, 13);
        assertThat(device.optimizerStep(SLOT, 1e-2, 0.1)).isPositive();
    }

    private double[] losses(TorchScriptDecoder device, int... slots) {
        return Devices.forward(device, slots, measured, random, List.of()).losses();
    }

    /**
     * The device's weights are those that are written to the last bit, in every type, and so the model that is served makes the
     * losses that were measured of the trainee: up to the order of sums, in bfloat16 up to its rounding.
     */
    @ParameterizedTest
    @CsvSource({
        "FLOAT32, PLAIN, true, 1e-5",
        "FLOAT32, PLAIN, false, 1e-5",
        "FLOAT32, FLOAT16, true, 1e-4",
        "BFLOAT16, PLAIN, true, 1e-2",
    })
    void theBaseThatIsWrittenIsTheOneThatWasTrained(Dtype dtype, WeightForm form, boolean all, double tolerance)
            throws IOException {
        KernelsConfig limits = Forms.limits(dtype, WeightForms.of(form), Stash.KEEP);
        Path files = Files.createDirectories(directory.resolve("base"));
        tiny.write(files);
        Set<TargetModule> targets =
                all ? LoraConfig.everyLinear() : EnumSet.of(TargetModule.V_PROJ, TargetModule.DOWN_PROJ);
        BaseWeights weights =
                HeldWeights.of(BaseWeights.of(ModelSource.open(files).weights(), model), limits);
        double[] losses;
        Adapter trained;
        try (TorchScriptDecoder device = load(files, limits)) {
            PstMethod method = new PstMethod(new SparseConfig(3, targets, ""));
            device.openTrainee(SLOT, method.start(model, weights, random.nextLong()), OptimizerConfig.DEFAULT);
            double[] dense = losses(device, SLOT);
            for (int i = 0; i < dense.length; i++) {
                assertThat(losses(device)[i]).isCloseTo(dense[i], Offset.offset(tolerance * dense[i]));
            }
            for (double zeros : new double[] {0.2, 0.5, 0.7}) {
                step(device, zeros);
            }
            trained = device.snapshot(SLOT);
            compareWeights(device, trained, weights, limits);
            losses = losses(device, SLOT);
            assertThat(losses).isNotEqualTo(dense);
        }
        Path made = Files.createDirectories(directory.resolve("made"));
        NewBase.of(ModelSource.open(files), weights, trained).write(made, model);
        BaseWeights written = BaseWeights.of(ModelSource.open(made).weights(), model);
        trained.modules().forEach((site, change) -> {
            float[] weight = written.of(site);
            // Scores that equal the highest of those left out are left out too.
            int least = (int) (0.7 * weight.length);
            assertThat(zeros(weight))
                    .as("%s", site)
                    .isBetween(least, least + 2)
                    .isEqualTo(zeros(((SparseFactors) change).prune(weights.of(site))));
        });
        try (TorchScriptDecoder device = load(made, limits)) {
            double[] served = losses(device);
            for (int i = 0; i < served.length; i++) {
                assertThat(served[i]).isCloseTo(losses[i], Offset.offset(tolerance * losses[i]));
            }
        }
    }

    private static int zeros(float[] weight) {
        int zeros = 0;
        for (float value : weight) {
            zeros += value == 0 ? 1 : 0;
        }
        return zeros;
    }

    private void compareWeights(TorchScriptDecoder device, Adapter trained, BaseWeights weights, KernelsConfig limits) {
        AdapterLayout layout = new AdapterLayout(model);
        for (int bank = 0; bank < layout.banks(); bank++) {
            float[] found = device.ownWeight(SLOT, bank);
            for (AdapterLayout.Part part : layout.parts(trained, bank)) {
                SparseFactors own = (SparseFactors) part.change();
                assertThat(own.sparsity()).isEqualTo(0.7);
                float[] expected = own.prune(weights.of(part.site()));
                float[] held = HeldWeights.of(site -> expected, limits).of(part.site());
                float[] rows = Arrays.copyOfRange(
                        found, part.column() * own.inputs(), (part.column() + own.outputs()) * own.inputs());
                // Zero may have a sign on the device.
                assertThat(rows).as("%s", part.site()).containsExactly(held, Offset.offset(0f));
            }
        }
    }

    /** How sparse it is belongs to what a checkpoint keeps: the first windows of the next step run with the same weights. */
    @Test
    void itGoesOnBitForBitWithTheWeightsOfTheLastStep() throws IOException {
        OptimizerConfig optimizer = OptimizerConfig.of(OptimizerConfig.Method.ADAMW_8BIT);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, TinyAdapters.sparse(model, 3, 0.1, random.nextLong()), optimizer);
            step(device, 0.4);
            Adapter kept = device.snapshot(SLOT);
            OptimizerState state = device.optimizerState(SLOT);
            float[] weight = device.ownWeight(SLOT, 0);
            step(device, 0.8);
            Adapter expected = device.snapshot(SLOT);
            float[] after = device.ownWeight(SLOT, 0);
            assertThat(zeros(after)).isGreaterThan(zeros(weight));
            device.closeTrainee(SLOT);
            device.openTrainee(SLOT, device.prepare(kept), optimizer, state);
            assertThat(device.ownWeight(SLOT, 0)).containsExactly(weight);
            step(device, 0.8);
            assertThat(device.ownWeight(SLOT, 0)).containsExactly(after);
            assertThat(device.snapshot(SLOT)).usingRecursiveComparison().isEqualTo(expected);
        }
    }

    /** A plan counts when the step is made: what is measured before has the weights of the step before. */
    @Test
    void aPlanLeavesTheWeightsAsTheyAreUntilTheStep() throws IOException {
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, TinyAdapters.sparse(model, 3, 0.1, random.nextLong()), OptimizerConfig.DEFAULT);
            step(device, 0.4);
            float[] before = device.ownWeight(SLOT, 0);
            for (LearningPlan plan : List.of(LearningPlan.leavingOut(0.9), LearningPlan.EVERYTHING)) {
                device.learn(SLOT, plan);
                losses(device, SLOT);
                assertThat(device.ownWeight(SLOT, 0)).containsExactly(before);
            }
        }
    }

    @Test
    void anUpdateThatIsNotFiniteIsNoticed() throws IOException {
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, TinyAdapters.sparse(model, 3, 0.5, random.nextLong()), OptimizerConfig.DEFAULT);
            device.learn(SLOT, LearningPlan.leavingOut(0.5));
            Devices.trainInWindows(device, new int[] {SLOT}, pack, 13);
            assertThat(device.optimizerStep(SLOT, 1e38, 0.1)).isNaN();
        }
    }

    @Test
    void itsMemoryIsThatOfTheLinearsTwiceAndAHalfAndComesBack() throws IOException {
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            Adapter adapter = TinyAdapters.sparse(model, 3, 0.5, random.nextLong());
            device.openTrainee(
                    SLOT, TinyAdapters.random(model, LoraConfig.allLinears(), 1, 1), OptimizerConfig.DEFAULT);
            device.closeTrainee(SLOT);
            long before = device.memory().trainingBytes();
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            long own = (4 + 4 + 8) * adapter.parameters();
            assertThat(device.memory().trainingBytes() - before).isEqualTo(own + 10 * model.layerParameters());
            PstMethod method = new PstMethod(new SparseConfig(3, LoraConfig.everyLinear(), ""));
            assertThat(MemoryPlan.fixed(method.fixed(model), Dtype.FLOAT32).total())
                    .as("what is planned before a job")
                    .isEqualTo(10 * model.layerParameters());
            device.closeTrainee(SLOT);
            assertThat(device.memory().trainingBytes()).isEqualTo(before);
            assertThatThrownBy(() -> device.ownWeight(SLOT, 0)).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> device.putAdapter(0, adapter))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("of which a base model is made");
        }
    }

    /** Both products start as zero, so the first weights are the model's own. */
    @Test
    void itStartsAsTheModel() {
        BaseWeights weights = site ->
                Objects.requireNonNull(tiny.weights().get(site + ".weight")).clone();
        PstMethod method = new PstMethod(new SparseConfig(2, LoraConfig.everyLinear(), ""));
        method.start(model, weights, 1)
                .modules()
                .forEach((site, change) -> assertThat(((SparseFactors) change).prune(weights.of(site)))
                        .containsExactly(weights.of(site)));
        assertThat(method.refusal(model)).isEmpty();
    }
}
