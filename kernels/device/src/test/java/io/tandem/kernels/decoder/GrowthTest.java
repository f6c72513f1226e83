package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.Core.Ranks;
import io.tandem.kernels.adapter.Core.Shape;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks that come while an adapter learns. */
class GrowthTest {
    private static final int SLOT = 1;
    private static final int ROOM = 5;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
    private final TrainingPack pack = Devices.pack(random, tiny.config().vocab(), 20, 9);

    private Adapter adapter(Shape shape, int ahead) {
        return TinyAdapters.core(tiny.config(), shape, new Ranks(1, 1, 2, ahead), ROOM, random.nextLong());
    }

    private SortedMap<Site, Integer> ranks(Adapter adapter, int grown) {
        SortedMap<Site, Integer> ranks = new TreeMap<>();
        adapter.modules().keySet().forEach(site -> ranks.put(site, ranks.size() % 2 == 0 ? grown : 1));
        return ranks;
    }

    private void step(TorchScriptDecoder device) {
        Devices.trainInWindows(device, new int[] {SLOT}, pack, 13);
        assertThat(device.optimizerStep(SLOT, 1e-2, 0.1)).isFinite();
    }

    /** What training has, whether it is served or not. */
    private static Core core(Adapter like, OptimizerState state, Site site) {
        Core core = (Core) Objects.requireNonNull(like.modules().get(site));
        return core.with(core.parameters().stream()
                .map(p -> state.numbers(site, p.name()))
                .toList());
    }

    /** The numbers of a parameter that come with one rank. */
    private static float[] ofRank(Core core, String name, int rank) {
        List<Float> numbers = new ArrayList<>();
        Parameter p = core.parameters().stream()
                .filter(one -> one.name().equals(name))
                .findFirst()
                .orElseThrow();
        for (int i = 0; i < p.values().length; i++) {
            int row = i / p.columns();
            int column = i % p.columns();
            int own = name.equals(LowRank.B) ? column : row;
            if (name.equals(Core.E) && p.columns() > 1) {
                own = Math.max(row, column);
            }
            if (own == rank) {
                numbers.add(p.values()[i]);
            }
        }
        float[] values = new float[numbers.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = numbers.get(i);
        }
        return values;
    }

    /** Ranks that are not there yet stay as they are, weight decay or not; those ahead learn all but their part of the core. */
    @ParameterizedTest
    @CsvSource({"DIAGONAL, ADAMW, 2", "DIAGONAL, ADAMW_8BIT, 0", "FULL, ADAMW, 0", "FULL, LION, 0", "FULL, SGD, 0"})
    void onlyTheRanksThatAreThereLearn(Shape shape, Method method, int ahead) throws IOException {
        Adapter start = adapter(shape, ahead);
        OptimizerConfig optimizer = new OptimizerConfig(method, 0.9, 0.99, 1e-8, 0.1, 1, 1);
        SortedMap<Site, Integer> grown = ranks(start, 3);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, start, optimizer);
            List<OptimizerState> states = new ArrayList<>(List.of(device.optimizerState(SLOT)));
            step(device);
            states.add(device.optimizerState(SLOT));
            device.grow(SLOT, grown, false);
            step(device);
            states.add(device.optimizerState(SLOT));
            for (int i = 1; i < states.size(); i++) {
                for (Site site : start.modules().keySet()) {
                    int used = i == 1 ? 1 : grown.get(site);
                    Core before = core(start, states.get(i - 1), site);
                    Core after = core(start, states.get(i), site);
                    for (String name : List.of(LowRank.A, LowRank.B, Core.E)) {
                        int learning = name.equals(Core.E) ? used : Math.min(ROOM, used + ahead);
                        for (int rank = 0; rank < ROOM; rank++) {
                            assertThat(Arrays.equals(ofRank(before, name, rank), ofRank(after, name, rank)))
                                    .as("%s of rank %d of %s in step %d", name, rank, site, i)
                                    .isEqualTo(rank >= learning);
                        }
                    }
                }
            }
            device.snapshot(SLOT).factors().forEach((site, served) -> {
                assertThat(served.rank()).isEqualTo(grown.get(site));
                assertThat(served.scaling()).isEqualTo(2.0 * ROOM / served.rank());
            });
        }
    }

    /** The first step of Adam is one learning rate in the direction of the gradient, also of numbers that come late. */
    @ParameterizedTest
    @EnumSource(Shape.class)
    void ranksThatComeLateBeginAsIfTheOptimizerDid(Shape shape) throws IOException {
        Adapter start = adapter(shape, 0);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, start, OptimizerConfig.of(Method.ADAMW));
            for (int i = 0; i < 5; i++) {
                step(device);
            }
            device.grow(SLOT, ranks(start, 3), true);
            OptimizerState before = device.optimizerState(SLOT);
            step(device);
            OptimizerState after = device.optimizerState(SLOT);
            Site site = start.modules().firstKey();
            for (String name : List.of(LowRank.A, LowRank.B, Core.E)) {
                float[] from = ofRank(core(start, before, site), name, 2);
                float[] to = ofRank(core(start, after, site), name, 2);
                double[] steps = IntStream.range(0, from.length)
                        .mapToDouble(i -> Math.abs(to[i] - from[i]))
                        .toArray();
                assertThat(Arrays.stream(steps).max().orElseThrow()).as(name).isLessThan(1.01e-2);
                // Where a gradient is nearly zero, Adam's epsilon counts beside it.
                assertThat(Arrays.stream(steps).filter(step -> step < 0.99e-2).count())
                        .as(name)
                        .isLessThanOrEqualTo(from.length / 10);
            }
        }
    }

    /** Growth is a part of what is kept: the clocks of factors, and ranks that learn ahead. */
    @ParameterizedTest
    @CsvSource({"DIAGONAL, 2, ADAMW_8BIT", "DIAGONAL, 2, ADAMW", "FULL, 0, ADAMW"})
    void trainingGoesOnBitForBitAmidGrowth(Shape shape, int ahead, Method method) throws IOException {
        Adapter start = adapter(shape, ahead);
        OptimizerConfig optimizer = OptimizerConfig.of(method);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, start, optimizer);
            step(device);
            step(device);
            device.grow(SLOT, ranks(start, 3), false);
            step(device);
            Adapter kept = device.snapshot(SLOT);
            OptimizerState state = device.optimizerState(SLOT);
            finish(device, start);
            Adapter expected = device.snapshot(SLOT);
            device.closeTrainee(SLOT);
            SortedMap<Site, Change> modules = new TreeMap<>();
            kept.factors().forEach((site, served) -> {
                int used = served.rank();
                Ranks ranks = new Ranks(used, 1, 2, Math.min(ahead, ROOM - used));
                modules.put(site, core(start, state, site).with(ranks, served.scaling()));
            });
            device.openTrainee(SLOT, device.prepare(new Adapter(kept.config(), modules)), optimizer, state);
            finish(device, start);
            assertThat(device.snapshot(SLOT)).usingRecursiveComparison().isEqualTo(expected);
        }
    }

    private void finish(TorchScriptDecoder device, Adapter start) {
        step(device);
        device.grow(SLOT, ranks(start, 5), true);
        step(device);
    }

    /** From the gradients of the folded factors: along each row of D = s B E A, the sum of D times its gradient. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void aDiagonalCoreMattersByItsGradient(int threads) throws IOException {
        Adapter start = adapter(Shape.DIAGONAL, 0);
        KernelsConfig limits = Devices.limits(Dtype.FLOAT32, threads, 128, Stash.KEEP);
        TrainingPack large = Devices.pack(random, tiny.config().vocab(), 40, 40, 40);
        try (TorchScriptDecoder device = Devices.load(tiny, limits)) {
            device.openTrainee(SLOT, start, OptimizerConfig.DEFAULT);
            assertThat(device.importance(SLOT)).isEmpty();
            Devices.trainInWindows(device, new int[] {SLOT}, large, 120);
            Adapter gradients = device.gradients(SLOT);
            device.optimizerStep(SLOT, 1e-2, 0.1);
            SortedMap<Site, Double> importance = device.importance(SLOT);
            assertThat(importance.keySet()).isEqualTo(start.modules().keySet());
            importance.forEach((site, found) -> {
                Core core = (Core) Objects.requireNonNull(start.modules().get(site));
                Core gradient =
                        (Core) Objects.requireNonNull(gradients.modules().get(site));
                double sum = 0;
                for (int row = 0; row < core.outputs(); row++) {
                    sum += Math.abs((double) core.outer().b()[row * ROOM]
                            * gradient.outer().b()[row * ROOM]);
                }
                double expected = 0.1 * sum / Math.sqrt((double) core.inputs() * core.outputs());
                assertThat(found).as("%s", site).isCloseTo(expected, Percentage.withPercentage(0.1));
            });
        }
    }

    @Test
    void aFullCoreMattersByItsNorm() throws IOException {
        Adapter start = adapter(Shape.FULL, 0);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, start, OptimizerConfig.DEFAULT);
            device.grow(SLOT, ranks(start, 3), false);
            step(device);
            OptimizerState state = device.optimizerState(SLOT);
            device.importance(SLOT).forEach((site, found) -> {
                int used = ranks(start, 3).get(site);
                double squares = 0;
                for (int rank = 0; rank < used; rank++) {
                    for (float value : ofRank(core(start, state, site), Core.E, rank)) {
                        squares += (double) value * value;
                    }
                }
                assertThat(found).isCloseTo(Math.sqrt(squares), Percentage.withPercentage(0.01));
            });
        }
    }

    /** A step of plain gradient descent differs by the penalty's gradient alone, which is written out here. */
    @Test
    void aPenaltyKeepsRanksApart() throws IOException {
        Adapter start =
                TinyAdapters.core(tiny.config(), Shape.DIAGONAL, new Ranks(3, 1, 2, 0), ROOM, random.nextLong());
        double weight = 0.7;
        OptimizerConfig without = new OptimizerConfig(Method.SGD, 0, 0, 1e-8, 0, 0, 1);
        OptimizerConfig with = without.withOrthogonality(weight);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, start, without);
            step(device);
            OptimizerState free = device.optimizerState(SLOT);
            device.openTrainee(SLOT, start, with);
            step(device);
            OptimizerState held = device.optimizerState(SLOT);
            start.modules().forEach((site, change) -> {
                LowRank outer = ((Core) change).outer();
                LowRank used = outer.first(3, 1);
                float[] transposed = new float[used.b().length];
                for (int i = 0; i < transposed.length; i++) {
                    transposed[i % 3 * used.outputs() + i / 3] = used.b()[i];
                }
                double factor = weight / (2 * start.modules().size());
                double[] ofA = penalty(used.a(), used.inputs(), factor);
                double[] ofB = penalty(transposed, used.outputs(), factor);
                float[] freeA = free.numbers(site, LowRank.A);
                float[] heldA = held.numbers(site, LowRank.A);
                float[] freeB = free.numbers(site, LowRank.B);
                float[] heldB = held.numbers(site, LowRank.B);
                for (int i = 0; i < ofA.length; i++) {
                    assertThat((double) freeA[i] - heldA[i]).isCloseTo(1e-2 * ofA[i], Offset.offset(3e-7));
                }
                for (int i = 0; i < freeB.length; i++) {
                    int rank = i % ROOM;
                    double expected = rank < 3 ? ofB[rank * used.outputs() + i / ROOM] : 0;
                    assertThat((double) freeB[i] - heldB[i]).isCloseTo(1e-2 * expected, Offset.offset(3e-7));
                }
                assertThat(held.numbers(site, Core.E)).isEqualTo(free.numbers(site, Core.E));
            });
        }
    }

    private static double[] penalty(float[] m, int columns, double factor) {
        int ranks = m.length / columns;
        double[] away = new double[ranks * ranks];
        double squares = 0;
        for (int i = 0; i < away.length; i++) {
            for (int k = 0; k < columns; k++) {
                away[i] += (double) m[i / ranks * columns + k] * m[i % ranks * columns + k];
            }
            away[i] -= i / ranks == i % ranks ? 1 : 0;
            squares += away[i] * away[i];
        }
        double[] gradient = new double[m.length];
        for (int i = 0; i < m.length; i++) {
            for (int k = 0; k < ranks; k++) {
                gradient[i] +=
                        2 * factor * away[i / columns * ranks + k] * m[k * columns + i % columns] / Math.sqrt(squares);
            }
        }
        return gradient;
    }

    @Test
    void whatIsNotThereIsRefused() throws IOException {
        Adapter plain = TinyAdapters.random(tiny.config(), LoraConfig.allLinears(), 3, 1);
        Adapter start = adapter(Shape.DIAGONAL, 2);
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            device.openTrainee(SLOT, plain, OptimizerConfig.DEFAULT);
            assertThatThrownBy(() -> device.grow(SLOT, ranks(plain, 3), false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("no ranks that grow");
            device.openTrainee(SLOT, start, OptimizerConfig.DEFAULT);
            for (int wrong : new int[] {2, 7, 0}) {
                assertThatThrownBy(() -> device.grow(SLOT, ranks(start, wrong), false))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("with room for 5");
            }
            OptimizerState state = device.optimizerState(SLOT);
            SortedMap<String, byte[]> cut = new TreeMap<>(state.tensors());
            cut.replace("clocks", new byte[3]);
            OptimizerState damaged = new OptimizerState(state.steps(), cut, state.more());
            assertThatThrownBy(() -> device.openTrainee(SLOT, device.prepare(start), OptimizerConfig.DEFAULT, damaged))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("the optimizer's clocks has 3 bytes");
            assertThatThrownBy(() -> damaged.numbers(start.modules().firstKey(), "lora_X"))
                    .hasMessageContaining("the checkpoint lacks");
        }
    }
}
