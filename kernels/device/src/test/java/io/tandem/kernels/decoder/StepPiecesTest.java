package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Steps that are cut into pieces, with iterations between them. */
class StepPiecesTest {
    private static final int SERVED = 0;
    private static final int SLOT = 1;
    private static final int STEPS = 3;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
    private final Adapter served = Form.LORA.random(tiny.config(), random.nextLong());
    private final TrainingPack texts = Devices.pack(random, tiny.config().vocab(), 20, 9, 17);
    private final int[] prompt = Devices.tokens(random, 7, tiny.config().vocab());

    /** What is left of some steps; the later ones depend on what earlier ones published. */
    private record Trained(List<Double> norms, Adapter adapter, OptimizerState state, List<float[]> weights) {}

    private TorchScriptDecoder load(int lanes) throws IOException {
        TorchScriptDecoder device = Devices.load(tiny, Devices.limits(Dtype.FLOAT32, lanes, 128, Stash.KEEP));
        device.putAdapter(SERVED, served);
        return device;
    }

    private List<Draw> serve(TorchScriptDecoder device) {
        Segment[] rows = {
            Devices.segment(0, 0, prompt, IterationInputs.BASE, Devices.scored(device)),
            Devices.segment(1, 0, prompt, new int[] {SERVED}, Devices.scored(device)),
        };
        return Devices.run(device, rows).draws();
    }

    /** Serves between the pieces; the first is as small as can be. */
    private void proceedInPieces(TorchScriptDecoder device) {
        int pieces = 1;
        for (long nanos = 0; !device.proceed(SLOT, nanos); nanos = random.nextInt(100_000)) {
            serve(device);
            pieces++;
        }
        assertThat(pieces).isGreaterThan(1);
    }

    private Trained train(TorchScriptDecoder device, Form form, Adapter adapter, boolean cut) {
        OptimizerConfig optimizer =
                form == Form.LORA ? OptimizerConfig.of(OptimizerConfig.Method.ADAMW_8BIT) : OptimizerConfig.DEFAULT;
        device.openTrainee(SLOT, adapter, optimizer);
        if (cut) {
            proceedInPieces(device);
        }
        List<Double> norms = new ArrayList<>();
        for (int step = 0; step < STEPS; step++) {
            if (form == Form.PST) {
                device.learn(SLOT, LearningPlan.leavingOut(0.2 * (step + 1)));
            }
            Devices.trainInWindows(device, new int[] {SLOT}, MethodParityTest.after(adapter, texts), 13);
            device.beginStep(SLOT, 1e-2, 0.1);
            if (cut) {
                proceedInPieces(device);
            }
            norms.add(device.endStep(SLOT));
        }
        List<float[]> weights = new ArrayList<>();
        for (int bank = 0; form.makesBase() && bank < new AdapterLayout(tiny.config()).banks(); bank++) {
            weights.add(device.ownWeight(SLOT, bank));
        }
        Trained trained = new Trained(norms, device.snapshot(SLOT), device.optimizerState(SLOT), weights);
        device.closeTrainee(SLOT);
        return trained;
    }

    @ParameterizedTest
    @EnumSource(Form.class)
    void whereItIsCutChangesNothing(Form form) throws IOException {
        Adapter adapter = form.random(tiny.config(), random.nextLong());
        try (TorchScriptDecoder device = load(1 + random.nextInt(2))) {
            Trained whole = train(device, form, adapter, false);
            assertThat(whole.norms()).allMatch(norm -> norm > 0);
            assertThat(train(device, form, adapter, true))
                    .usingRecursiveComparison()
                    .isEqualTo(whole);
        }
    }

    @ParameterizedTest
    @CsvSource({"LORA", "DORA", "PST"})
    void whoNeedsAllOfItDoesTheRest(Form form) throws IOException {
        Adapter adapter = form.random(tiny.config(), random.nextLong());
        try (TorchScriptDecoder device = load(2)) {
            Trained whole = train(device, form, adapter, false);
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            assertThat(device.proceed(SLOT, 0)).isFalse();
            assertThat(device.snapshot(SLOT)).usingRecursiveComparison().isEqualTo(adapter);
            Devices.trainInWindows(device, new int[] {SLOT}, MethodParityTest.after(adapter, texts), 13);
            assertThat(device.proceed(SLOT, 0)).isTrue();
            device.beginStep(SLOT, 1e-2, 0.1);
            assertThat(device.proceed(SLOT, 0)).isFalse();
            Adapter stepped = device.snapshot(SLOT);
            assertThat(device.optimizerState(SLOT).steps()).isOne();
            assertThat(device.proceed(SLOT, 0)).isTrue();
            assertThat(device.endStep(SLOT)).isEqualTo(whole.norms().get(0));
            assertThat(device.snapshot(SLOT)).usingRecursiveComparison().isEqualTo(stepped);
            assertThatThrownBy(() -> device.endStep(SLOT)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void aStepThatIsNotEndedGoesWithItsTrainee() throws IOException {
        Adapter adapter = Form.PST.random(tiny.config(), random.nextLong());
        try (TorchScriptDecoder device = load(2)) {
            Trained whole = train(device, Form.PST, adapter, false);
            for (int pieces = 0; pieces < 4; pieces++) {
                device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
                Devices.trainInWindows(device, new int[] {SLOT}, texts, 13);
                device.beginStep(SLOT, 1e-2, 0.1);
                for (int i = 0; i < pieces; i++) {
                    assertThat(device.proceed(SLOT, 0)).isFalse();
                }
                device.closeTrainee(SLOT);
            }
            assertThat(train(device, Form.PST, adapter, true))
                    .usingRecursiveComparison()
                    .isEqualTo(whole);
        }
    }

    /** Only the end of the step finds it out. */
    @ParameterizedTest
    @CsvSource({"LORA", "DORA", "IA3", "SERIES"})
    void rowsBetweenThePiecesMeetNothingThatIsNotFinite(Form form) throws IOException {
        Adapter adapter = form.random(tiny.config(), random.nextLong());
        try (TorchScriptDecoder device = load(2)) {
            List<Draw> before = serve(device);
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            Devices.trainInWindows(device, new int[] {SLOT}, texts, 13);
            device.beginStep(SLOT, 3e38, 0.1);
            while (!device.proceed(SLOT, 0)) {
                assertThat(serve(device)).usingRecursiveComparison().isEqualTo(before);
            }
            assertThat(device.endStep(SLOT)).isNaN();
            assertThat(serve(device)).usingRecursiveComparison().isEqualTo(before);
        }
    }
}
