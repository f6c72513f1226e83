package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.TensorSource;
import io.tandem.kernels.weights.WeightNames;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The weights that a recursive model's layers would have without recursion: the block's, and their own factors' product. */
final class RecursiveWeights implements BaseWeights {
    private final TensorSource files;
    private final ModelConfig model;
    private final Map<String, Site> linears;

    RecursiveWeights(TensorSource files, ModelConfig model) {
        this.files = files;
        this.model = model;
        this.linears = Site.all(model).stream().collect(Collectors.toMap(Site::toString, Function.identity()));
    }

    @Override
    public float[] of(String module) {
        Site site = linears.get(module);
        return site == null ? files.floats(module + ".weight") : linear(site);
    }

    private float[] linear(Site site) {
        int block = model.block(site.layer());
        float[] weight = files.floats(WeightNames.weight(block, site.module(), site.expert()));
        String a = WeightNames.factor(site.layer(), site.module(), site.expert(), WeightNames.FACTOR_A);
        String b = WeightNames.factor(site.layer(), site.module(), site.expert(), WeightNames.FACTOR_B);
        if (files.names().contains(a)) {
            add(files.floats(b), files.floats(a), site.module().inputs(model), weight);
        }
        return weight;
    }

    /** Adds {@code B A}. */
    private static void add(float[] b, float[] a, int inputs, float[] weight) {
        int rank = a.length / inputs;
        for (int row = 0; row < weight.length / inputs; row++) {
            for (int r = 0; r < rank; r++) {
                float factor = b[row * rank + r];
                for (int i = 0; i < inputs; i++) {
                    weight[row * inputs + i] += factor * a[r * inputs + i];
                }
            }
        }
    }
}
