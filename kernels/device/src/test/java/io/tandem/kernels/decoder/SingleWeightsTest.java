package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What single weights are beside the other forms; see {@link MethodParityTest} for what holds for all. */
class SingleWeightsTest {
    private static final int BYTES = 20;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final TinyModel tiny = TinyModel.of(TinyModel.Variant.BIASES, random.nextLong());
    private final ModelConfig model = tiny.config();

    private static float[] scores(TorchScriptDecoder device, int[] prompt, int... slots) {
        Segment segment = Devices.segment(0, 0, prompt, slots, Devices.scored(device));
        return Devices.byToken(Devices.run(device, segment).draws().get(0));
    }

    /** Of a model whose weights are changed in its files. */
    @ParameterizedTest
    @EnumSource(Dtype.class)
    void theModelIsTheOneWithTheseWeights(Dtype dtype) throws IOException {
        Adapter adapter = TinyAdapters.singleWeights(model, 3, random.nextLong());
        Map<Site, Change> single = new TreeMap<>(adapter.modules());
        single.values().removeIf(change -> !(change instanceof SingleWeights));
        TinyModel changed = tiny.withWeights((name, values) -> {
            float[] sum = values.clone();
            single.forEach((site, change) -> {
                SingleWeights own = (SingleWeights) change;
                for (int i = 0; i < own.count() && name.equals(site + ".weight"); i++) {
                    sum[own.places()[i]] += own.values()[i];
                }
            });
            return sum;
        });
        int[] prompt = Devices.tokens(random, 25, model.vocab());
        try (TorchScriptDecoder device = Devices.load(tiny, dtype);
                TorchScriptDecoder expected = Devices.load(changed, dtype)) {
            device.putAdapter(0, new Adapter(adapter.config(), single));
            float[] base = scores(device, prompt, IterationInputs.BASE);
            float tolerance = dtype == Dtype.FLOAT32 ? 1e-4f : 0.2f;
            assertThat(scores(device, prompt, 0))
                    .containsExactly(scores(expected, prompt, IterationInputs.BASE), Offset.offset(tolerance))
                    .isNotEqualTo(base);
        }
    }

    /** Their tables are there with the adapters that have some, and joined ones while rows use them. */
    @Test
    void theReportCountsThem() throws IOException {
        Adapter adapter = TinyAdapters.singleWeights(model, 3, random.nextLong());
        Adapter other = TinyAdapters.singleWeights(model, 3, random.nextLong());
        int[] prompt = Devices.tokens(random, 5, model.vocab());
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            long before = device.memory().adapterBytes();
            device.putAdapter(0, adapter);
            device.putAdapter(1, TinyAdapters.random(model, LoraConfig.allLinears(), 3, 1));
            device.putAdapter(2, other);
            long held = BYTES * (weights(adapter) + weights(other));
            assertThat(device.memory().adapterBytes() - before).isEqualTo(held);
            scores(device, prompt, 0);
            assertThat(device.memory().adapterBytes() - before).isEqualTo(held + 2 * BYTES * weights(adapter));
            Devices.run(
                    device,
                    Devices.segment(0, 0, prompt, new int[] {0}, Devices.scored(device)),
                    Devices.segment(1, 0, prompt, new int[] {2}, Devices.scored(device)));
            AdapterLayout layout = new AdapterLayout(model);
            long most = IntStream.range(0, layout.banks())
                    .mapToLong(bank -> Math.max(inBank(layout, adapter, bank), inBank(layout, other, bank)))
                    .sum();
            assertThat(device.memory().adapterBytes() - before).isEqualTo(held + 3 * BYTES * most);
            scores(device, prompt, 1);
            assertThat(device.memory().adapterBytes() - before).isEqualTo(held);
            for (int slot : new int[] {0, 2}) {
                device.putAdapter(slot, TinyAdapters.random(model, LoraConfig.allLinears(), 3, 1));
            }
            assertThat(device.memory().adapterBytes()).isEqualTo(before);
        }
    }

    private static long weights(Adapter adapter) {
        return adapter.modules().values().stream()
                .filter(SingleWeights.class::isInstance)
                .mapToLong(Change::numbers)
                .sum();
    }

    private static long inBank(AdapterLayout layout, Adapter adapter, int bank) {
        return layout.singleWeights(adapter).stream()
                .filter(part -> part.bank() == bank)
                .mapToLong(part -> part.change().numbers())
                .sum();
    }

    /** A trainee above an adapter of single weights, and one of those above factors. */
    @Test
    void theyLearnAndStandBelowOthers() throws IOException {
        TrainingPack pack = Devices.pack(random, model.vocab(), 20, 9);
        Adapter single = TinyAdapters.singleWeights(model, 3, random.nextLong());
        Adapter factors = TinyAdapters.random(model, LoraConfig.allLinears(), 3, random.nextLong());
        try (TorchScriptDecoder device = Devices.load(tiny, Dtype.FLOAT32)) {
            double loss = 0;
            for (List<Adapter> order : List.of(List.of(single, factors), List.of(factors, single))) {
                device.putAdapter(0, order.get(0));
                device.openTrainee(1, order.get(1), OptimizerConfig.DEFAULT);
                double own = Devices.train(device, new int[] {0, 1}, pack, random, List.of());
                assertThat(own).isCloseTo(loss == 0 ? own : loss, Offset.offset(1e-3));
                loss = own;
                assertThat(device.optimizerStep(1, 1e-2, 0.1)).isPositive();
                device.closeTrainee(1);
            }
        }
    }

    @Test
    void moreThanFactorsHaveNumbersAreRefused() {
        int inputs = TargetModule.Q_PROJ.inputs(model);
        int outputs = TargetModule.Q_PROJ.outputs(model);
        int count = inputs + outputs + 1;
        SingleWeights many =
                new SingleWeights(inputs, outputs, IntStream.range(0, count).toArray(), new float[count]);
        Adapter adapter = new Adapter(
                new LoraConfig(1, 1, false, LoraConfig.allLinears(), ""),
                Map.of(new Site(0, TargetModule.Q_PROJ), many));
        assertThatThrownBy(() -> new AdapterLayout(model).prepare(adapter, 1, Dtype.FLOAT32))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has " + count + " single weights, expected at most " + (count - 1));
        new AdapterLayout(model).prepare(adapter, 2, Dtype.FLOAT32);
    }
}
