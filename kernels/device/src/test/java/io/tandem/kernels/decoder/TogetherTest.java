package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.EarlyExit;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.recursion.RecursiveConversion;
import io.tandem.kernels.recursion.SharedWeights;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.testing.Tolerances;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Rows in different loops of a recursive model, at once, give what each gives alone in all loops. */
class TogetherTest {
    private static final int LOOPS = 3;
    private static final int VOCAB = 61;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    @TempDir
    Path directory;

    private TorchScriptDecoder load(KernelsConfig limits) throws IOException {
        ModelConfig config = ModelConfig.llama(6, 32, 4, 2, 8, 64, VOCAB)
                .biases(new Biases(true, true, true))
                .maxPositions(512)
                .build();
        TinyModel.of(config, random.nextLong()).write(directory.resolve("base"));
        Path output = directory.resolve("looped");
        new RecursiveConversion(ModelSource.open(directory.resolve("base")), LOOPS, 4, SharedWeights.AVERAGE)
                .write(output, (done, total, what) -> {});
        return TorchScriptDecoder.load(ModelSource.open(output), limits, LoadProgress.NONE);
    }

    /** What adapters have before a text comes with the text's first tokens, which go through all loops. */
    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"PROMPT", "PREFIX", "L4Q", "PST"})
    void adaptersOfEveryForm(Form form) throws IOException {
        try (TorchScriptDecoder device =
                load(Devices.limits(Dtype.FLOAT32, 128, Stash.KEEP).withFullModules(4))) {
            device.putAdapter(0, form.random(device.model(), random.nextLong()));
            device.putAdapter(1, form.random(device.model(), random.nextLong()));
            check(device, new int[][] {{0}, {1}, {}, {0}, {1}}, Tolerances.FLOAT32_LOGITS);
        }
    }

    @ParameterizedTest
    @CsvSource({"BFLOAT16, PLAIN", "BFLOAT16, PACKED", "FLOAT32, FLOAT16", "FLOAT32, INT8", "BFLOAT16, INT4"})
    void weightsOfEveryForm(Dtype dtype, WeightForm form) throws IOException {
        KernelsConfig limits = Forms.limits(dtype, WeightForms.of(form), Stash.KEEP);
        try (TorchScriptDecoder device = load(limits)) {
            device.putAdapter(0, Form.LORA.random(device.model(), random.nextLong()));
            check(device, new int[][] {{}, {0}, {}, {0}, {}}, Tolerances.BFLOAT16_LOGITS);
        }
    }

    /** Row i begins i iterations after the first one. */
    private void check(TorchScriptDecoder device, int[][] slots, Tolerances tolerance) {
        int[] tokens = Devices.tokens(random, slots.length, VOCAB);
        List<float[]> expected = new ArrayList<>();
        for (int row = 0; row < slots.length; row++) {
            Segment alone = Devices.segment(row, 0, new int[] {tokens[row]}, slots[row], Devices.scored(device));
            expected.add(Devices.byToken(Devices.run(device, alone).draws().get(0)));
        }
        int finished = 0;
        for (int iteration = 0; finished < slots.length; iteration++) {
            List<Segment> rows = new ArrayList<>();
            List<Integer> places = new ArrayList<>();
            for (int row = 0; row < slots.length; row++) {
                if (iteration >= row && iteration < row + LOOPS) {
                    EarlyExit exit = new EarlyExit(1, new int[1], iteration - row);
                    rows.add(row(device, row, tokens[row], slots[row], exit));
                    places.add(row);
                }
            }
            List<Draw> draws = device.run(new IterationInputs(rows, Optional.empty(), true))
                    .draws();
            for (int i = 0; i < draws.size(); i++) {
                boolean last = iteration == places.get(i) + LOOPS - 1;
                assertThat(draws.get(i).goesOn()).isNotEqualTo(last);
                if (last) {
                    tolerance.check("row " + places.get(i), expected.get(places.get(i)), Devices.byToken(draws.get(i)));
                    finished++;
                }
            }
        }
    }

    private static Segment row(TorchScriptDecoder device, int slot, int token, int[] slots, EarlyExit exit) {
        return new Segment(
                slot,
                0,
                new int[] {token},
                slots,
                List.of(Devices.scored(device)),
                Optional.empty(),
                false,
                0,
                Optional.of(exit));
    }

    @Test
    void refusesWhatTakesAllLoops() throws IOException {
        try (TorchScriptDecoder device = load(Devices.limits(Dtype.FLOAT32, 128, Stash.KEEP))) {
            Segment decode = row(device, 0, 1, IterationInputs.BASE, new EarlyExit(1, new int[1]));
            Segment chunk = Devices.segment(1, 0, new int[] {1, 2}, IterationInputs.BASE, Devices.scored(device));
            for (IterationInputs wrong : List.of(
                    new IterationInputs(List.of(decode, chunk), Optional.empty(), true),
                    new IterationInputs(List.of(decode), Optional.of(new TrainingWork(0, 0)), true))) {
                assertThatThrownBy(() -> device.run(wrong))
                        .hasMessage("only decode rows of recursive models without experts go through one loop alone");
            }
        }
        try (TorchScriptDecoder plain = Devices.load(TinyModel.of(TinyModel.Variant.LLAMA, 1), Dtype.FLOAT32)) {
            Segment decode = Devices.segment(0, 0, new int[] {1}, IterationInputs.BASE, Devices.scored(plain));
            assertThatThrownBy(() -> plain.run(new IterationInputs(List.of(decode), Optional.empty(), true)))
                    .hasMessageContaining("only decode rows of recursive models");
        }
    }
}
