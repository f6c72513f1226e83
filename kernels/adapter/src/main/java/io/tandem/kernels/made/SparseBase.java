package io.tandem.kernels.made;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.SparseFactors;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import java.util.Map;

/**
 * What training over sparse weights leaves: zeros among the others in plain tensors, as whoever reads the base reads them. They are
 * float32, so that each weight is the one that was trained to the last digit.
 */
final class SparseBase extends NewBase {
    private final BaseWeights weights;
    private final Adapter trained;

    SparseBase(ModelFiles base, BaseWeights weights, Adapter trained) {
        super(base);
        this.weights = weights;
        this.trained = trained;
    }

    @Override
    void replace(Map<String, Tensor> tensors) {
        trained.modules().forEach((site, change) -> {
            if (change instanceof SparseFactors own) {
                long[] shape = {own.outputs(), own.inputs()};
                tensors.put(site + ".weight", new Tensor(StoredType.F32, shape, () -> own.prune(weights.of(site))));
            }
        });
    }

    /** A base that was quantized is read, and so written, as if it were not. */
    @Override
    void configure(ObjectNode json, ModelConfig model) {
        json.remove("quantization_config");
    }
}
