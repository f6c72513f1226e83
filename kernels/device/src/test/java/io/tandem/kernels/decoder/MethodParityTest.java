package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What holds for every form of a change: right gradients, rows that do not meet, training that goes on where it stopped. */
class MethodParityTest {
    private static final int SLOT = 1;
    private static final int SPLITS = 3;
    /** Of each parameter's gradient, against its norm. */
    private static final double FLOAT32_RELATIVE = 1e-4;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Random random = seeded.random();

    @ParameterizedTest
    @CsvSource({
        "IA3, LLAMA, KEEP",
        "IA3, BIASES, KEEP",
        "IA3, QWEN3, RECOMPUTE",
        "IA3, BIASES, RECOMPUTE",
        "IA3, LLAMA, INT8",
        "DORA, LLAMA, KEEP",
        "DORA, BIASES, KEEP",
        "DORA, QWEN3, RECOMPUTE",
        "DORA, BIASES, INT8",
        "PISSA, BIASES, KEEP",
        "PISSA, QWEN3, RECOMPUTE",
        "PROMPT, LLAMA, KEEP",
        "PROMPT, BIASES, RECOMPUTE",
        "PROMPT, QWEN3, INT8",
        "PREFIX, LLAMA, KEEP",
        "PREFIX, BIASES, RECOMPUTE",
        "PREFIX, QWEN3, INT8",
        "FLORA, LLAMA, KEEP",
        "FLORA, QWEN3, RECOMPUTE",
        "SVFIT, BIASES, KEEP",
        "SVFIT, QWEN3, INT8",
        "INCRELORA, BIASES, KEEP",
        "INCRELORA, QWEN3, RECOMPUTE",
        "TRIADAPT, LLAMA, KEEP",
        "TRIADAPT, QWEN3, RECOMPUTE",
        "BIASED, LLAMA, KEEP",
        "BIASED, BIASES, RECOMPUTE",
        "BIASED, QWEN3, INT8",
        "SERIES, LLAMA, KEEP",
        "SERIES, BIASES, RECOMPUTE",
        "SERIES, QWEN3, INT8",
        "PARALLEL, BIASES, KEEP",
        "PARALLEL, QWEN3, RECOMPUTE",
        "PARALLEL, LLAMA, INT8",
        "SUM, QWEN3, KEEP",
        "SUM, LLAMA, RECOMPUTE",
        "HEAD, LLAMA, KEEP",
        "HEAD, QWEN2, RECOMPUTE",
        "FULL, LLAMA, RECOMPUTE",
        "FULL, QWEN2, KEEP",
        "FULL, QWEN3, INT8",
        "SPT, LLAMA, KEEP",
        "SPT, BIASES, RECOMPUTE",
        "SPT, QWEN3, INT8",
        "L4Q, LLAMA, KEEP",
        "L4Q, BIASES, RECOMPUTE",
        "L4Q, QWEN3, INT8",
        "PST, LLAMA, KEEP",
        "PST, BIASES, RECOMPUTE",
        "PST, QWEN3, INT8",
    })
    void gradientsEqualAutogradsForRandomWindows(Form form, TinyModel.Variant variant, Stash stash) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        Adapter adapter = form.random(tiny.config(), random.nextLong());
        double tolerance = stash == Stash.INT8 ? GradientParityTest.INT8_RELATIVE : FLOAT32_RELATIVE;
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32, stash);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            for (int split = 0; split < SPLITS; split++) {
                TrainingPack pack =
                        after(adapter, Devices.pack(random, tiny.config().vocab(), 33, 1, 17, 2));
                device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
                double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
                AutogradReference.Result expected = reference.run(pack, CoreReference.of(adapter));
                assertThat(loss)
                        .as("loss, seed %d", seed)
                        .isCloseTo(expected.loss(), Percentage.withPercentage(100 * tolerance));
                compare(
                        form.gradient(expected.gradient(), adapter),
                        device.gradients(SLOT),
                        stash != Stash.INT8,
                        tolerance);
            }
        }
    }

    /** The reference has no more ranks than those. */
    @ParameterizedTest
    @CsvSource({"BIASES, KEEP", "QWEN3, RECOMPUTE"})
    void onlyTheRanksThatAreUsedLearn(TinyModel.Variant variant, Stash stash) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        Adapter adapter = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 5, random.nextLong());
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32, stash);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            for (int ranks : new int[] {2, 5, 1, 3}) {
                TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 33, 1, 17, 2);
                device.useRanks(SLOT, ranks);
                double loss = Devices.train(device, new int[] {SLOT}, pack, random, List.of());
                Map<Site, Change> first = new TreeMap<>();
                adapter.factors().forEach((site, all) -> {
                    int own = Math.min(ranks, all.rank());
                    first.put(site, all.first(own, 4 / Math.sqrt(own)));
                });
                AutogradReference.Result expected = reference.run(pack, new Adapter(adapter.config(), first));
                assertThat(loss).isCloseTo(expected.loss(), Percentage.withPercentage(100 * FLOAT32_RELATIVE));
                Map<Site, Change> padded = new TreeMap<>();
                expected.gradient().factors().forEach((site, part) -> {
                    LowRank all = adapter.factors().get(site);
                    float[] a = Arrays.copyOf(part.a(), all.a().length);
                    float[] b = new float[all.b().length];
                    for (int i = 0; i < part.b().length; i++) {
                        b[i / part.rank() * all.rank() + i % part.rank()] = part.b()[i];
                    }
                    padded.put(site, all.with(List.of(a, b)));
                });
                Adapter gradients = device.gradients(SLOT);
                compare(new Adapter(adapter.config(), padded), gradients, true, FLOAT32_RELATIVE);
                gradients.factors().forEach((site, found) -> {
                    for (int i = ranks * found.inputs(); i < found.a().length; i++) {
                        assertThat(found.a()[i]).isZero();
                    }
                });
                // All of it is there again.
                assertThat(device.snapshot(SLOT)).usingRecursiveComparison().isEqualTo(adapter);
                device.openTrainee(SLOT, adapter, OptimizerConfig.DEFAULT);
            }
        }
    }

    /** The trainee learns through what lies below it, which is in other forms than its own. */
    @ParameterizedTest
    @CsvSource({"IA3, KEEP", "IA3, RECOMPUTE", "SERIES, KEEP", "SUM, RECOMPUTE"})
    void aTraineeAboveAdaptersOfOtherForms(Form form, Stash stash) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
        Adapter other = form.random(tiny.config(), random.nextLong());
        Set<TargetModule> free = EnumSet.copyOf(LoraConfig.allLinears());
        free.removeAll(other.config().targets());
        Adapter factors = TinyAdapters.random(tiny.config(), free, 3, random.nextLong());
        Map<Site, Change> both = new TreeMap<>(other.modules());
        both.putAll(factors.modules());
        TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 9);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32, stash);
                AutogradReference reference = new AutogradReference(tiny.config(), tiny.weights())) {
            AutogradReference.Result expected = reference.run(pack, new Adapter(other.config(), both));
            for (List<Adapter> order : List.of(List.of(other, factors), List.of(factors, other))) {
                device.putAdapter(0, order.get(0));
                device.openTrainee(SLOT, order.get(1), OptimizerConfig.DEFAULT);
                double loss = Devices.train(device, new int[] {0, SLOT}, pack, random, List.of());
                assertThat(loss).isCloseTo(expected.loss(), Percentage.withPercentage(100 * FLOAT32_RELATIVE));
                Map<Site, Change> own = new TreeMap<>(expected.gradient().modules());
                own.keySet().retainAll(order.get(1).modules().keySet());
                compare(new Adapter(other.config(), own), device.gradients(SLOT), true, FLOAT32_RELATIVE);
                device.closeTrainee(SLOT);
            }
        }
    }

    /** The pack's sequences after the adapter's virtual tokens that run. */
    static TrainingPack after(Adapter adapter, TrainingPack pack) {
        int virtual = adapter.virtualRows();
        return new TrainingPack(
                pack.sequences().stream()
                        .map(sequence -> sequence.after(virtual))
                        .toList(),
                pack.purpose());
    }

    private void compare(Adapter expected, Adapter actual, boolean each, double tolerance) {
        GradientErrors.of(expected, actual).forEach((name, error) -> {
            if (each || name.isEmpty()) {
                assertThat(error).as("error of '%s', seed %d", name, seed).isLessThan(tolerance);
            }
        });
    }

    /** Rows of the base and of each form, alone and stacked, prefilled and then decoded. */
    @ParameterizedTest
    @CsvSource({"LLAMA, 1", "BIASES, 1", "QWEN3, 2"})
    void rowsOfAMixedBatchGetWhatTheyGetAlone(TinyModel.Variant variant, int threads) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        List<int[]> users = new ArrayList<>(List.of(IterationInputs.BASE));
        Form[] forms = Form.served();
        int rows = forms.length + 5;
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(threads, rows, forms.length))) {
            Map<Integer, Adapter> adapters = new TreeMap<>();
            for (int slot = 0; slot < forms.length; slot++) {
                adapters.put(slot, forms[slot].random(tiny.config(), random.nextLong()));
                device.putAdapter(slot, adapters.get(slot));
                users.add(new int[] {slot});
            }
            users.add(new int[] {0, 1});
            users.add(new int[] {Form.FULL.ordinal(), 1});
            users.add(new int[] {Form.HEAD.ordinal(), Form.SPT.ordinal()});
            users.add(IterationInputs.BASE);
            int[][] prompts = new int[rows][];
            Arrays.setAll(
                    prompts,
                    i -> Prefix.before(
                            Arrays.stream(users.get(i))
                                    .map(slot -> adapters.get(slot).virtualTokens())
                                    .sum(),
                            Devices.tokens(
                                    random,
                                    2 + random.nextInt(11),
                                    tiny.config().vocab())));
            List<Draw> alone = new ArrayList<>();
            for (boolean decode : new boolean[] {false, true}) {
                for (int row = 0; row < rows; row++) {
                    Segment segment = segment(device, prompts[row], users.get(row), row, decode);
                    alone.add(Devices.run(device, segment).draws().get(0));
                }
            }
            List<Draw> mixed = new ArrayList<>();
            for (boolean decode : new boolean[] {false, true}) {
                Segment[] segments = new Segment[rows];
                Arrays.setAll(segments, row -> segment(device, prompts[row], users.get(row), row, decode));
                mixed.addAll(Devices.run(device, segments).draws());
            }
            for (int i = 0; i < alone.size(); i++) {
                float[] expected = Devices.byToken(alone.get(i));
                float[] found = Devices.byToken(mixed.get(i));
                for (int token = 0; token < expected.length; token++) {
                    assertThat(found[token])
                            .as("row %d, token %d, seed %d", i, token, seed)
                            .isCloseTo(expected[token], Offset.offset(2e-5f));
                }
            }
        }
    }

    private static Segment segment(TorchScriptDecoder device, int[] prompt, int[] slots, int row, boolean decode) {
        int[] tokens = decode ? new int[] {3} : prompt;
        return Devices.segment(row, decode ? prompt.length : 0, tokens, slots, Devices.scored(device));
    }

    /**
     * Whatever of the slots is copied for a batch is copied again after a step, though its rows use the same slots. Ranks that
     * learn ahead in IncreLoRA have numbers here that no job gives them, and are not served.
     */
    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"PROMPT", "PREFIX", "INCRELORA", "L4Q", "PST"})
    void aBatchUsesWhatATraineeHasLearnedLast(Form form) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, random.nextLong());
        Adapter initial = form.random(tiny.config(), random.nextLong());
        TrainingPack pack = after(initial, Devices.pack(random, tiny.config().vocab(), 20, 9));
        int[] prompt = Prefix.before(
                initial.virtualTokens(), Devices.tokens(random, 9, tiny.config().vocab()));
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.putAdapter(0, form.random(tiny.config(), random.nextLong()).served());
            device.openTrainee(SLOT, initial, OptimizerConfig.of(OptimizerConfig.Method.ADAMW));
            for (int slot : new int[] {0, SLOT}) {
                Devices.run(device, segment(device, prompt, new int[] {slot}, slot, false));
            }
            device.copyCache(SLOT, 2, 0, prompt.length);
            Segment[] rows = {
                segment(device, prompt, new int[] {0}, 0, true), segment(device, prompt, new int[] {SLOT}, SLOT, true)
            };
            List<Draw> before = Devices.run(device, rows).draws();
            Devices.trainInWindows(device, new int[] {SLOT}, pack, 13, List.of(rows));
            assertThat(device.optimizerStep(SLOT, 1e-2, 0.1)).isFinite();
            List<Draw> after = Devices.run(device, rows).draws();
            device.putAdapter(2, device.snapshot(SLOT));
            Segment alone = segment(device, prompt, new int[] {2}, 2, true);
            float[] expected =
                    Devices.byToken(Devices.run(device, alone).draws().get(0));
            assertThat(Devices.byToken(after.get(1))).containsExactly(expected, Offset.offset(2e-5f));
            assertThat(Devices.byToken(after.get(0)))
                    .containsExactly(Devices.byToken(before.get(0)), Offset.offset(2e-5f));
            assertThat(Devices.byToken(after.get(1))).as("learned").isNotEqualTo(Devices.byToken(before.get(1)));
        }
    }

    /** The numbers of the adapter and of the optimizer are all that there is to keep. */
    @ParameterizedTest
    @EnumSource(Form.class)
    void trainingGoesOnBitForBitWhereItStopped(Form form) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
        Adapter initial = form.random(tiny.config(), random.nextLong());
        TrainingPack pack = after(initial, Devices.pack(random, tiny.config().vocab(), 20, 9));
        OptimizerConfig optimizer = OptimizerConfig.of(OptimizerConfig.Method.ADAMW_8BIT);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, initial, optimizer);
            step(device, pack);
            Adapter kept = device.snapshot(SLOT);
            OptimizerState state = device.optimizerState(SLOT);
            step(device, pack);
            Adapter expected = device.snapshot(SLOT);
            device.closeTrainee(SLOT);
            device.openTrainee(SLOT, device.prepare(form.resume(kept, state)), optimizer, state);
            step(device, pack);
            GradientErrors.parameters(device.snapshot(SLOT))
                    .forEach((name, found) -> assertThat(found.values())
                            .as(name)
                            .containsExactly(GradientErrors.parameters(expected)
                                    .get(name)
                                    .values())
                            .satisfies(values -> assertThat(Arrays.equals(
                                            values,
                                            GradientErrors.parameters(initial.served())
                                                    .get(name)
                                                    .values()))
                                    .isEqualTo(form == Form.SVFIT && name.endsWith(LowRank.A))));
        }
    }

    private static void step(TorchScriptDecoder device, TrainingPack pack) {
        Devices.trainInWindows(device, new int[] {SLOT}, pack, 13);
        assertThat(device.optimizerStep(SLOT, 1e-2, 0.1)).isFinite();
    }

    /** DoRA starts with the norms of the frozen weight, whatever form that has in memory, and so changes nothing. */
    @ParameterizedTest
    @EnumSource(
            value = WeightForm.class,
            names = {"PLAIN", "INT8", "INT4"})
    void freshMagnitudesAreTheNormsOfTheWeight(WeightForm form) throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
        Map<Site, Change> modules = new TreeMap<>();
        Adapter factors = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 3, random.nextLong());
        factors.factors()
                .forEach((site, f) -> modules.put(site, Dora.fresh(f.with(List.of(f.a(), new float[f.b().length])))));
        Adapter fresh = new Adapter(factors.config(), modules);
        int[] prompt = Devices.tokens(random, 9, tiny.config().vocab());
        KernelsConfig limits = new KernelsConfig(Dtype.FLOAT32, form, 1, 4, 96, 256, 4, 8, 128, Stash.KEEP);
        try (TorchScriptDecoder device = Devices.load(tiny, limits)) {
            device.openTrainee(SLOT, fresh, OptimizerConfig.DEFAULT);
            device.putAdapter(0, fresh);
            device.putAdapter(2, device.snapshot(SLOT));
            float[] base = Devices.byToken(draw(device, prompt, IterationInputs.BASE));
            for (int slot : new int[] {0, 2}) {
                float[] found = Devices.byToken(draw(device, prompt, new int[] {slot}));
                for (int token = 0; token < base.length; token++) {
                    assertThat(found[token]).isCloseTo(base[token], Offset.offset(2e-5f));
                }
            }
            if (form == WeightForm.PLAIN) {
                device.snapshot(SLOT).modules().forEach((site, change) -> {
                    float[] weight = tiny.weights().get(site + ".weight");
                    float[] magnitude = change.parameters().get(2).values();
                    for (int row = 0; row < magnitude.length; row++) {
                        double squares = 0;
                        for (int i = row * change.inputs(); i < (row + 1) * change.inputs(); i++) {
                            squares += (double) weight[i] * weight[i];
                        }
                        assertThat((double) magnitude[row])
                                .isCloseTo(Math.sqrt(squares), Percentage.withPercentage(0.01));
                    }
                });
            }
        }
    }

    private static Draw draw(TorchScriptDecoder device, int[] prompt, int[] slots) {
        return Devices.run(device, segment(device, prompt, slots, 0, false))
                .draws()
                .get(0);
    }

    @Test
    void aScaleOfAnInputThatOthersShareIsRefused() throws IOException {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        ModelConfig model = tiny.config();
        int channels = model.hidden();
        Scale scale = new Scale(channels, TargetModule.Q_PROJ.outputs(model), Scale.Side.INPUT, new float[channels]);
        Adapter adapter = new Adapter(
                new LoraConfig(1, 1, false, LoraConfig.allLinears(), ""),
                Map.of(new Site(0, TargetModule.Q_PROJ), scale));
        assertThatThrownBy(() -> new AdapterLayout(model).prepare(adapter, 8, Dtype.FLOAT32))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("which it shares with k_proj and v_proj");
    }
}
