package io.tandem.kernels.adapter.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.Tolerances;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class LayerSwapTest {
    @Test
    void thePapersZonesAreThoseOfTheDefault() {
        assertThat(LayerSwap.inProportion(32)).isEqualTo(new LayerSwap(32, 5, 2, 1, 1));
        for (int layers = 1; layers <= 128; layers++) {
            assertThat(LayerSwap.inProportion(layers).layers()).isEqualTo(layers);
        }
    }

    @Test
    void outerLayersAreTheFirstAdaptersAndInnerOnesTheSeconds() {
        LayerSwap swap = LayerSwap.inProportion(32);
        for (int layer = 0; layer < 32; layer++) {
            double outer = layer < 5 || layer >= 30 ? 1 : layer == 5 || layer == 29 ? 0.5 : 0;
            assertThat(swap.share(0, layer)).as("layer " + layer).isEqualTo(outer);
            assertThat(swap.share(1, layer)).as("layer " + layer).isEqualTo(1 - outer);
        }
    }

    @Test
    void aWiderTransitionChangesInEqualSteps() {
        LayerSwap swap = new LayerSwap(12, 2, 1, 3, 1);
        double[] inner = {0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 0.5, 0};
        for (int layer = 0; layer < 12; layer++) {
            assertThat(swap.share(1, layer)).as("layer " + layer).isEqualTo(inner[layer]);
        }
    }

    @Test
    void layersGoThroughUnchangedAndTransitionsAreTheAverage() {
        List<Adapter> experts = List.of(expert(8, 3, 1), expert(8, 2, 2));
        Adapter merged = Merge.of(MergeSpec.of(new LayerSwap(8, 2, 1, 1, 1)))
                .apply(experts)
                .adapter();
        merged.factors().forEach((site, factors) -> {
            switch (site.layer()) {
                case 0, 1, 7 ->
                    assertThat(factors).isEqualTo(experts.get(0).modules().get(site));
                case 3, 4, 5 ->
                    assertThat(factors).isEqualTo(experts.get(1).modules().get(site));
                default -> {
                    assertThat(factors.rank()).isEqualTo(5);
                    double[] average =
                            ReferenceMerge.sum(ReferenceMerge.stacks(experts).get(site), 0.5, 0.5);
                    Tolerances.FLOAT32.check(site.toString(), average, ReferenceMerge.change(factors));
                }
            }
        });
        assertThat(merged.factors()).hasSize(16);
    }

    @Test
    void wrongZonesAreRefused() {
        assertThatThrownBy(() -> new LayerSwap(4, 2, 2, 1, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("layer swap has zones of 5 layers together, the model has 4");
        assertThatThrownBy(() -> new LayerSwap(4, -1, 2, 1, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new LayerSwap(4, Integer.MAX_VALUE, Integer.MAX_VALUE, 2, 0))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void itTakesTwoAdaptersOfAModelOfThatManyLayers() {
        Merge merge = Merge.of(MergeSpec.of(new LayerSwap(8, 2, 1, 1, 1)));
        assertThatThrownBy(() -> merge.apply(List.of(expert(8, 2, 1))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("layer_swap is given 1 adapters, expected two");
        assertThatThrownBy(() -> merge.apply(List.of(expert(8, 2, 1), expert(9, 2, 1))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("model.layers.8.self_attn.q_proj is changed, layer_swap is told of 8 layers");
    }

    private static Adapter expert(int layers, int rank, long seed) {
        Random random = new Random(seed);
        Map<Site, LowRank> modules = new TreeMap<>();
        for (int layer = 0; layer < layers; layer++) {
            for (TargetModule module : List.of(TargetModule.Q_PROJ, TargetModule.UP_PROJ)) {
                float[] a = new float[rank * 12];
                float[] b = new float[17 * rank];
                for (int i = 0; i < a.length; i++) {
                    a[i] = (float) random.nextGaussian();
                }
                for (int i = 0; i < b.length; i++) {
                    b[i] = (float) random.nextGaussian();
                }
                modules.put(new Site(layer, module), new LowRank(rank, 12, 17, a, b, 2));
            }
        }
        LoraConfig config =
                new LoraConfig(rank, 2.0 * rank, false, Set.of(TargetModule.Q_PROJ, TargetModule.UP_PROJ), "");
        return new Adapter(config, modules);
    }
}
