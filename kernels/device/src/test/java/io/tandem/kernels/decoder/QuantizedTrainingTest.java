package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.HeldWeights;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.QuantizedConfig;
import io.tandem.kernels.adapter.QuantizedFactors;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.adapter.method.L4qMethod;
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

/** Training over quantized weights, and the base model that comes of it; see {@link MethodParityTest} for its gradients. */
class QuantizedTrainingTest {
    private static final int SLOT = 1;

    @TempDir
    Path directory;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
    private final ModelConfig model = tiny.config();

    private KernelsConfig limits(Dtype dtype, WeightForm few, WeightForm many) {
        WeightForms forms = few == many ? WeightForms.of(few) : new WeightForms(few, 8, many);
        return Forms.limits(dtype, forms, Stash.KEEP);
    }

    private TorchScriptDecoder load(Path path, KernelsConfig limits) {
        return TorchScriptDecoder.load(ModelSource.open(path), limits, LoadProgress.NONE);
    }

    private static void step(TorchScriptDecoder device, TrainingPack pack) {
        Devices.trainInWindows(device, new int[] {SLOT}, pack, 13);
        assertThat(device.optimizerStep(SLOT, 1e-2, 0.1)).isPositive();
    }

    /** Of each sequence. */
    private double[] losses(TorchScriptDecoder device, TrainingPack measured, int... slots) {
        return Devices.forward(device, slots, measured, random, List.of()).losses();
    }

    /**
     * The device's weights are those that are written to the last bit, in every type, and so the model that is served makes the
     * losses that were measured of the trainee: up to the order of sums, in bfloat16 up to its rounding.
     */
    @ParameterizedTest
    @CsvSource({
        "FLOAT32, PLAIN, PLAIN, 4, 4, true, 1e-5",
        "FLOAT32, PLAIN, PLAIN, 8, 4, false, 1e-5",
        "FLOAT32, FLOAT16, FLOAT16, 4, 2, true, 1e-4",
        "FLOAT32, FLOAT16, PLAIN, 4, 4, false, 1e-4",
        "BFLOAT16, PLAIN, PLAIN, 4, 4, true, 1e-2",
        "BFLOAT16, PACKED, PACKED, 8, 4, true, 1e-2"
    })
    void theBaseThatIsWrittenIsTheOneThatWasTrained(
            Dtype dtype, WeightForm few, WeightForm many, int bits, int group, boolean all, double tolerance)
            throws IOException {
        KernelsConfig limits = limits(dtype, few, many);
        Path files = Files.createDirectories(directory.resolve("base"));
        tiny.write(files);
        Set<TargetModule> targets =
                all ? LoraConfig.everyLinear() : EnumSet.of(TargetModule.V_PROJ, TargetModule.DOWN_PROJ);
        L4qMethod method = new L4qMethod(new QuantizedConfig(new LoraConfig(3, 5, false, targets, ""), bits, group));
        BaseWeights weights =
                HeldWeights.of(BaseWeights.of(ModelSource.open(files).weights(), model), limits);
        TrainingPack pack = Devices.pack(random, model.vocab(), 20, 9, 17);
        TrainingPack measured = new TrainingPack(pack.sequences(), TrainingPack.Purpose.MEASURE);
        double[] losses;
        Adapter trained;
        try (TorchScriptDecoder device = load(files, limits)) {
            device.openTrainee(SLOT, method.start(model, weights, random.nextLong()), OptimizerConfig.DEFAULT);
            for (int i = 0; i < 3; i++) {
                step(device, pack);
            }
            trained = device.snapshot(SLOT);
            compareWeights(device, trained, weights, limits);
            losses = losses(device, measured, SLOT);
        }
        Path made = Files.createDirectories(directory.resolve("made"));
        NewBase.of(ModelSource.open(files), weights, trained).write(made, model);
        try (TorchScriptDecoder device = load(made, limits)) {
            double[] served = losses(device, measured);
            for (int i = 0; i < served.length; i++) {
                assertThat(served[i]).isCloseTo(losses[i], Offset.offset(tolerance * losses[i]));
            }
        }
        try (TorchScriptDecoder device = load(files, limits)) {
            assertThat(losses(device, measured)[0])
                    .as("something was learned")
                    .isNotCloseTo(losses[0], Offset.offset(tolerance * losses[0]));
        }
    }

    private void compareWeights(TorchScriptDecoder device, Adapter trained, BaseWeights weights, KernelsConfig limits) {
        AdapterLayout layout = new AdapterLayout(model);
        for (int bank = 0; bank < layout.banks(); bank++) {
            float[] found = device.ownWeight(SLOT, bank);
            for (AdapterLayout.Part part : layout.parts(trained, bank)) {
                QuantizedFactors own = (QuantizedFactors) part.change();
                byte[] codes = own.codes(weights.of(part.site()));
                float[] expected = new float[codes.length];
                for (int i = 0; i < codes.length; i++) {
                    expected[i] = own.step(i / own.inputs(), i % own.inputs() / own.groupSize()) * codes[i];
                }
                float[] held = HeldWeights.of(site -> expected, limits).of(part.site());
                float[] rows = Arrays.copyOfRange(
                        found, part.column() * own.inputs(), (part.column() + own.outputs()) * own.inputs());
                // Zero may have a sign on the device.
                assertThat(rows).as("%s", part.site()).containsExactly(held, Offset.offset(0f));
            }
        }
    }

    /** Requests beside a window get what they get alone, with adapters of other forms. */
    @Test
    void othersDoNotMeetIt() throws IOException {
        int[] prompt = Devices.tokens(random, 9, model.vocab());
        TrainingPack pack = Devices.pack(random, model.vocab(), 20, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(0, TinyAdapters.mixedRanks(model, LoraConfig.allLinears(), 3, random.nextLong()));
            device.openTrainee(
                    SLOT, TinyAdapters.quantized(model, 3, 4, 4, random.nextLong()), OptimizerConfig.DEFAULT);
            Segment[] rows = new Segment[2];
            for (int i = 0; i < 2; i++) {
                int[] slots = i == 0 ? new int[] {0} : IterationInputs.BASE;
                rows[i] = Devices.segment(i, 0, prompt, slots, Devices.scored(device));
            }
            float[][] alone = new float[2][];
            for (int i = 0; i < 2; i++) {
                alone[i] = Devices.byToken(Devices.run(device, rows[i]).draws().get(0));
            }
            double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
            double beside = Devices.train(device, new int[] {SLOT}, pack, random, List.of(rows));
            assertThat(beside).isCloseTo(loss, Offset.offset(1e-4 * loss));
            for (int i = 0; i < 2; i++) {
                assertThat(Devices.byToken(Devices.run(device, rows[i]).draws().get(0)))
                        .containsExactly(alone[i], Offset.offset(2e-5f));
            }
        }
    }

    @Test
    void itsMemoryIsThatOfTheLinearsTwiceAndComesBack() throws IOException {
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            Adapter adapter = TinyAdapters.quantized(model, 3, 4, 4, random.nextLong());
            device.openTrainee(
                    SLOT, TinyAdapters.random(model, LoraConfig.allLinears(), 1, 1), OptimizerConfig.DEFAULT);
            device.closeTrainee(SLOT);
            long before = device.memory().trainingBytes();
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            long own = (4 + 4 + 8) * adapter.parameters();
            assertThat(device.memory().trainingBytes() - before).isEqualTo(own + 2 * 4 * model.layerParameters());
            device.closeTrainee(SLOT);
            assertThat(device.memory().trainingBytes()).isEqualTo(before);
            assertThatThrownBy(() -> device.ownWeight(SLOT, 0)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void itStandsAloneAndIsNotServed() throws IOException {
        Adapter adapter = TinyAdapters.quantized(model, 3, 4, 4, 1);
        TrainingPack pack = Devices.pack(random, model.vocab(), 20, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            assertThatThrownBy(() -> device.putAdapter(0, adapter))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("of which a base model is made");
            device.putAdapter(0, TinyAdapters.random(model, LoraConfig.allLinears(), 3, 1));
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            assertThatThrownBy(() -> device.beginPack(new int[] {0, SLOT}, pack))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("an adapter beside one");
        }
    }

    /** The step sizes that it starts with clamp nothing, and the largest weight of each group has the last code. */
    @Test
    void itStartsWithTheSmallestStepSizesThatFit() {
        L4qMethod method =
                new L4qMethod(new QuantizedConfig(new LoraConfig(2, 4, false, LoraConfig.everyLinear(), ""), 4, 4));
        BaseWeights weights = site ->
                Objects.requireNonNull(tiny.weights().get(site + ".weight")).clone();
        method.start(model, weights, 1).modules().forEach((site, change) -> {
            QuantizedFactors own = (QuantizedFactors) change;
            float[] weight = weights.of(site);
            byte[] codes = own.codes(weight);
            for (int group = 0; group < own.steps().length; group++) {
                int lowest = 0;
                int highest = 0;
                for (int i = group * 4; i < group * 4 + 4; i++) {
                    lowest = Math.min(lowest, codes[i]);
                    highest = Math.max(highest, codes[i]);
                    float q = own.steps()[group] * codes[i];
                    assertThat(q).isCloseTo(weight[i], Offset.offset(0.501f * own.steps()[group]));
                }
                assertThat(lowest == -8 || highest == 7).isTrue();
            }
        });
        assertThat(method.refusal(model)).isEmpty();
        assertThat(new L4qMethod(new QuantizedConfig(method.config().lora(), 4, 32)).refusal(model))
                .hasValueSatisfying(why -> assertThat(why).contains("'group_size' that divides the 44 inputs"));
    }
}
