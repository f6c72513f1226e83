package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What overflows in one adapter's rows stays there. Everything is compared bit for bit with the same work beside an
 * adapter of the same shapes that is zero.
 */
class SeparationTest {
    private static final int RANK = 64;
    private static final int GOOD = 0;
    private static final int HUGE = 1;
    private static final int TRAINEE = 3;

    /**
     * Which factors are as large as float32 allows; the scaling is 2. The others are large enough that even inputs which
     * nearly cancel overflow: a number just below that limit would become zero in the next norm, and not be seen.
     */
    private enum Factors {
        A(3e38f, 1e3f),
        B(1e3f, 1.5e38f),
        BOTH(3e38f, 1.5e38f),
        ZERO(0, 0);

        private final float a;
        private final float b;

        Factors(float a, float b) {
            this.a = a;
            this.b = b;
        }
    }

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.QWEN3, random.nextLong());
    private final int vocab = tiny.config().vocab();
    private final Adapter good = TinyAdapters.mixedRanks(tiny.config(), LoraConfig.allLinears(), 5, random.nextLong());

    private TorchScriptDecoder load(int threads) throws IOException {
        return Devices.load(
                tiny,
                new KernelsConfig(Dtype.FLOAT32, WeightForm.PLAIN, threads, 6, 96, 256, 4, RANK, 128, Stash.KEEP));
    }

    private Adapter filled(Factors factors) {
        return TinyAdapters.filled(tiny.config(), RANK, factors.a, factors.b);
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "ZERO")
    void rowsOfOthersAreTheSameBesideAnOverflow(Factors factors) throws IOException {
        checkRows(factors, 1);
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "ZERO")
    void rowsOfOthersAreTheSameBesideAnOverflowInAnotherLane(Factors factors) throws IOException {
        checkRows(factors, 2);
    }

    /** Both read the same and have the same function, so they are multiplied at once. */
    @ParameterizedTest
    @EnumSource
    void rowsOfOthersAreTheSameBesideABottleneckThatOverflows(Input input) throws IOException {
        Kind kind = new Kind(input, Function.SILU, 1);
        Adapter own = TinyAdapters.bottlenecks(tiny.config(), kind, 5, random.nextLong());
        checkRows(own, filled(kind, 0), filled(kind, 1e38f), 1);
    }

    private Adapter filled(Kind kind, float value) {
        int hidden = tiny.config().hidden();
        Map<Site, Change> modules = new TreeMap<>();
        for (Site site : Site.blocks(tiny.config())) {
            float[] factor = new float[RANK * hidden];
            Arrays.fill(factor, value);
            modules.put(site, new Bottleneck(RANK, hidden, kind, factor, new float[RANK], new float[hidden], factor));
        }
        return new Adapter(new BottleneckConfig(RANK, kind, BottleneckConfig.blocks(), ""), modules);
    }

    private void checkRows(Factors factors, int threads) throws IOException {
        checkRows(good, filled(Factors.ZERO), filled(factors), threads);
    }

    /** Base rows and rows of a good adapter, prefilled and then decoded, in slots around those of the huge one. */
    private void checkRows(Adapter own, Adapter zero, Adapter huge, int threads) throws IOException {
        int[][] prompts = new int[6][];
        Arrays.setAll(prompts, i -> Devices.tokens(random, 2 + random.nextInt(30), vocab));
        int[][] adapters = {IterationInputs.BASE, {HUGE}, {GOOD}, {GOOD, HUGE}, IterationInputs.BASE, {GOOD}};
        try (TorchScriptDecoder device = load(threads)) {
            device.putAdapter(GOOD, own);
            device.putAdapter(HUGE, zero);
            List<Draw> expected = prefillAndDecode(device, prompts, adapters);
            device.putAdapter(HUGE, huge);
            List<Draw> draws = prefillAndDecode(device, prompts, adapters);
            for (int i = 0; i < draws.size(); i++) {
                if (Arrays.stream(adapters[i % 6]).anyMatch(slot -> slot == HUGE)) {
                    assertThat(draws.get(i).token())
                            .as("the overflow, row %d", i)
                            .isEqualTo(-1);
                } else {
                    assertSame(draws.get(i), expected.get(i));
                }
            }
        }
    }

    private List<Draw> prefillAndDecode(TorchScriptDecoder device, int[][] prompts, int[][] adapters) {
        List<Draw> draws = new ArrayList<>();
        for (int step = 0; step < 3; step++) {
            List<Segment> segments = new ArrayList<>();
            for (int slot = 0; slot < prompts.length; slot++) {
                int[] tokens = step == 0 ? prompts[slot] : new int[] {step};
                int start = step == 0 ? 0 : prompts[slot].length + step - 1;
                segments.add(Devices.segment(slot, start, tokens, adapters[slot], Devices.scored(device)));
            }
            draws.addAll(Devices.run(device, segments.toArray(Segment[]::new)).draws());
        }
        return draws;
    }

    private static void assertSame(Draw draw, Draw expected) {
        assertThat(draw.token()).isEqualTo(expected.token()).isNotNegative();
        assertThat(Devices.byToken(draw)).isEqualTo(Devices.byToken(expected));
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "ZERO")
    void aTraineeLearnsTheSameBesideAnOverflow(Factors factors) throws IOException {
        TrainingPack pack = Devices.pack(random, vocab, 20, 1, 17);
        int[] prompt = Devices.tokens(random, 9, vocab);
        try (TorchScriptDecoder device = load(1)) {
            Adapter expected = learned(device, Factors.ZERO, pack, prompt);
            Adapter gradients = learned(device, factors, pack, prompt);
            gradients.factors().forEach((site, found) -> {
                LowRank right = expected.factors().get(site);
                assertThat(found.a()).as("%s A", site).isEqualTo(right.a());
                assertThat(found.b()).as("%s B", site).isEqualTo(right.b());
            });
        }
    }

    private Adapter learned(TorchScriptDecoder device, Factors factors, TrainingPack pack, int[] prompt) {
        device.putAdapter(GOOD, good);
        device.putAdapter(HUGE, filled(factors));
        device.openTrainee(TRAINEE, good, OptimizerConfig.DEFAULT);
        List<Segment> beside = List.of(
                Devices.segment(0, 0, prompt, new int[] {HUGE}, Devices.scored(device)),
                Devices.segment(1, 0, new int[] {3}, new int[] {HUGE}, Devices.scored(device)));
        Devices.trainInWindows(device, new int[] {GOOD, TRAINEE}, pack, 13, beside);
        return device.gradients(TRAINEE);
    }

    /** Nothing was drawn from the overflow, so nobody has noticed it when its slot has another owner. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "ZERO")
    void keysOfAnOverflowDoNotReachTheNextOwnerOfTheirSlot(Factors factors) throws IOException {
        int[] prompt = Devices.tokens(random, 40, vocab);
        try (TorchScriptDecoder device = load(1)) {
            List<List<Draw>> draws = new ArrayList<>();
            for (Factors before : List.of(Factors.ZERO, factors)) {
                device.putAdapter(HUGE, filled(before));
                device.run(new IterationInputs(
                        List.of(new Segment(2, 0, prompt, new int[] {HUGE}, Optional.empty())), Optional.empty()));
                Devices.run(device, Devices.segment(3, 0, prompt, IterationInputs.BASE, Devices.scored(device)));
                Devices.run(
                        device,
                        Devices.segment(2, 0, new int[] {5}, IterationInputs.BASE, Devices.scored(device)),
                        Devices.segment(3, 40, new int[] {6}, IterationInputs.BASE, Devices.scored(device)));
                draws.add(Devices.run(
                                device,
                                Devices.segment(2, 1, new int[] {7}, IterationInputs.BASE, Devices.scored(device)),
                                Devices.segment(3, 41, new int[] {8}, IterationInputs.BASE, Devices.scored(device)))
                        .draws());
            }
            assertSame(draws.get(1).get(0), draws.get(0).get(0));
            assertSame(draws.get(1).get(1), draws.get(0).get(1));
        }
    }

    @Test
    void aTraineeThatOverflowsInItsUpdateSpoilsNobodysRows() throws IOException {
        TrainingPack pack = Devices.pack(random, vocab, 20, 17);
        Segment base = Devices.segment(
                0,
                0,
                Devices.tokens(random, 9, vocab),
                IterationInputs.BASE,
                new IterationInputs.Sampling(
                        0, 0, 1, 0, 0, IterationInputs.Repetition.NONE, new int[0], new float[0], vocab));
        try (TorchScriptDecoder device = load(1)) {
            device.openTrainee(TRAINEE, good, new OptimizerConfig(Method.SGD, 0, 0.999, 1e-8, 0, 0, 1));
            Devices.trainInWindows(device, new int[] {TRAINEE}, pack, 13);
            assertThat(device.optimizerStep(TRAINEE, 1e38, 1e6)).isNaN();
            device.beginPack(new int[] {TRAINEE}, pack);
            Draw draw = Devices.run(device, new IterationInputs.TrainingWork(13, 0), List.of(base))
                    .draws()
                    .get(0);
            assertSame(draw, Devices.run(device, base).draws().get(0));
        }
    }

    @Test
    void onlyPositionsOfTwoSlotsAreCopied() throws IOException {
        try (TorchScriptDecoder device = load(1)) {
            for (int[] wrong : new int[][] {{1, 1, 0, 5}, {0, 1, 5, 5}, {0, 1, -1, 5}, {0, 1, 0, 97}, {0, 6, 0, 5}}) {
                assertThatThrownBy(() -> device.copyCache(wrong[0], wrong[1], wrong[2], wrong[3]))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("of KV slot");
            }
        }
    }

    @Test
    void weightsThatAreNotFiniteInTheDevicesTypeAreRefused() throws IOException {
        Adapter huge = filled(Factors.B);
        Adapter scaled = new Adapter(huge.config(), scaledBy(huge, 3));
        try (TorchScriptDecoder device = load(1)) {
            assertThatThrownBy(() -> device.putAdapter(HUGE, scaled))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("model.layers.0.self_attn.q_proj");
            assertThatThrownBy(() -> device.openTrainee(HUGE, scaled, OptimizerConfig.DEFAULT))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("float32");
        }
        AdapterLayout layout = new AdapterLayout(tiny.config());
        Adapter float32Only = new Adapter(huge.config(), withFirstA(huge, 3.397e38f));
        layout.prepare(float32Only, RANK, Dtype.FLOAT32);
        assertThatThrownBy(() -> layout.prepare(float32Only, RANK, Dtype.BFLOAT16))
                .hasMessageContaining("bfloat16");
        layout.prepare(new Adapter(huge.config(), withFirstA(huge, 3.395e38f)), RANK, Dtype.BFLOAT16);
    }

    private static Map<Site, LowRank> scaledBy(Adapter adapter, double scaling) {
        Map<Site, LowRank> modules = new TreeMap<>();
        adapter.factors()
                .forEach((site, m) ->
                        modules.put(site, new LowRank(m.rank(), m.inputs(), m.outputs(), m.a(), m.b(), scaling)));
        return modules;
    }

    private static Map<Site, LowRank> withFirstA(Adapter adapter, float first) {
        Map<Site, LowRank> modules = scaledBy(adapter, 1);
        modules.values().iterator().next().a()[0] = first;
        return modules;
    }
}
