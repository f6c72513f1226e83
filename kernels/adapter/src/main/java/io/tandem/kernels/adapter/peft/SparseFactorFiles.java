package io.tandem.kernels.adapter.peft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.SparseConfig;
import io.tandem.kernels.adapter.SparseFactors;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsFile;
import java.util.Map;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/**
 * The checkpoints of PST, which PEFT does not have: {@code NAME.pst_U [outputs, rank]}, {@code NAME.pst_V [rank, inputs]},
 * {@code NAME.pst_A [outputs, rank]}, {@code NAME.pst_B [rank, inputs]}, {@code NAME.pst_R [outputs]} and {@code NAME.pst_C [inputs]}
 * for each module that the weights name.
 */
final class SparseFactorFiles {
    static final String TYPE = "PST";

    private static final String SPARSITY = "sparsity";

    private SparseFactorFiles() {}

    /**
     * @param maxRank largest rank
     * @throws ModelFormatException if something does not fit
     */
    static Adapter read(JsonFields json, SafetensorsFile file, ModelConfig model, int maxRank) {
        int rank = ModuleTensors.rank(json, maxRank);
        double sparsity = json.number(SPARSITY, 0, 1, 0);
        if (sparsity == 1) {
            throw json.refuse(SPARSITY, "less than 1");
        }
        ModuleTensors tensors = new ModuleTensors(json, file, TYPE);
        Map<Site, SparseFactors> modules =
                tensors.read(model, SparseFactors.U, site -> module(tensors, model, site, rank, sparsity));
        return new Adapter(new SparseConfig(rank, ModuleTensors.targets(modules), PeftConfig.baseModel(json)), modules);
    }

    private static SparseFactors module(
            ModuleTensors tensors, ModelConfig model, Site site, int rank, double sparsity) {
        int inputs = site.module().inputs(model);
        int outputs = site.module().outputs(model);
        float[] u = tensors.take(site, SparseFactors.U, outputs, rank);
        float[] v = tensors.take(site, SparseFactors.V, rank, inputs);
        float[] a = tensors.take(site, SparseFactors.A, outputs, rank);
        float[] b = tensors.take(site, SparseFactors.B, rank, inputs);
        return new SparseFactors(
                new LowRank(rank, inputs, outputs, v, u, 1),
                new LowRank(rank, inputs, outputs, b, a, 1),
                tensors.take(site, SparseFactors.R, outputs),
                tensors.take(site, SparseFactors.C, inputs),
                sparsity);
    }

    static SortedMap<String, @Nullable Object> fields(SparseConfig config, Adapter adapter) {
        SortedMap<String, @Nullable Object> fields = PeftConfig.fields(TYPE, config.baseModel());
        fields.put("r", config.rank());
        adapter.modules().values().stream()
                .filter(SparseFactors.class::isInstance)
                .map(SparseFactors.class::cast)
                .findFirst()
                .ifPresent(own -> fields.put(SPARSITY, own.sparsity()));
        return fields;
    }
}
