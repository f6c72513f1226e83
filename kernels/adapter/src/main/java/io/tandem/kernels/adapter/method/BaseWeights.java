package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.TensorSource;
import io.tandem.kernels.weights.WeightNames;

/** The frozen weights of a model's linears. */
@FunctionalInterface
public interface BaseWeights {
    /**
     * {@code [outputs, inputs]}, row by row; read anew each time.
     *
     * @throws io.tandem.kernels.weights.ModelFormatException if it cannot be read
     */
    float[] of(Site site);

    /** Those of a model's files; of a recursive model those that its layers would have without recursion. */
    static BaseWeights of(TensorSource files, ModelConfig model) {
        return site -> {
            int block = model.block(site.layer());
            float[] weight = files.floats(WeightNames.weight(block, site.module(), site.expert()));
            String a = WeightNames.factor(site.layer(), site.module(), site.expert(), WeightNames.FACTOR_A);
            String b = WeightNames.factor(site.layer(), site.module(), site.expert(), WeightNames.FACTOR_B);
            if (model.recursion().isPresent() && files.names().contains(a)) {
                int inputs = site.module().inputs(model);
                add(files.floats(b), files.floats(a), inputs, weight);
            }
            return weight;
        };
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
