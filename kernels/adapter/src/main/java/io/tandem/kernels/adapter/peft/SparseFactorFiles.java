package io.tandem.kernels.adapter.peft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.SparseConfig;
import io.tandem.kernels.adapter.SparseFactors;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsFile;
import io.tandem.kernels.weights.TensorEntry;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The checkpoints of PST, which PEFT does not have: {@code NAME.pst_U [outputs, rank]}, {@code NAME.pst_V [rank, inputs]},
 * {@code NAME.pst_A [outputs, rank]}, {@code NAME.pst_B [rank, inputs]}, {@code NAME.pst_R [outputs]} and {@code NAME.pst_C [inputs]}
 * for each module that the weights name.
 */
final class SparseFactorFiles {
    static final String TYPE = "PST";

    private static final String SPARSITY = "sparsity";
    private static final int MAX_RANK = 1 << 20;

    private final JsonFields json;
    private final SafetensorsFile file;
    private final ModelConfig model;
    private final Set<String> left;

    private SparseFactorFiles(JsonFields json, SafetensorsFile file, ModelConfig model) {
        this.json = json;
        this.file = file;
        this.model = model;
        this.left = new TreeSet<>(file.names());
    }

    /** @throws ModelFormatException if something does not fit */
    static Adapter read(JsonFields json, SafetensorsFile file, ModelConfig model) {
        return new SparseFactorFiles(json, file, model).read();
    }

    private Adapter read() {
        int rank = json.integer("r", 1, MAX_RANK);
        double sparsity = json.number(SPARSITY, 0, 1, 0);
        if (sparsity == 1) {
            throw json.refuse(SPARSITY, "less than 1");
        }
        Map<Site, SparseFactors> modules = new TreeMap<>();
        Set<TargetModule> targets = EnumSet.noneOf(TargetModule.class);
        for (Site site : Site.all(model)) {
            if (left.contains(PeftReader.tensor(site, SparseFactors.U))) {
                modules.put(site, module(site, rank, sparsity));
                targets.add(site.module());
            }
        }
        if (modules.isEmpty() || !left.isEmpty()) {
            String why = modules.isEmpty()
                    ? "changes no module of the model"
                    : "has " + left.iterator().next();
            throw json.refuse("peft_type", TYPE + " with tensors of the model's linears, but the file " + why);
        }
        return new Adapter(new SparseConfig(rank, targets, PeftConfig.baseModel(json)), modules);
    }

    private SparseFactors module(Site site, int rank, double sparsity) {
        int inputs = site.module().inputs(model);
        int outputs = site.module().outputs(model);
        float[] u = floats(site, SparseFactors.U, outputs, rank);
        float[] v = floats(site, SparseFactors.V, rank, inputs);
        float[] a = floats(site, SparseFactors.A, outputs, rank);
        float[] b = floats(site, SparseFactors.B, rank, inputs);
        return new SparseFactors(
                new LowRank(rank, inputs, outputs, v, u, 1),
                new LowRank(rank, inputs, outputs, b, a, 1),
                floats(site, SparseFactors.R, outputs),
                floats(site, SparseFactors.C, inputs),
                sparsity);
    }

    private float[] floats(Site site, String parameter, long... shape) {
        String name = PeftReader.tensor(site, parameter);
        if (!left.remove(name)) {
            throw json.refuse("peft_type", TYPE + " with " + name + ", which the file does not have");
        }
        TensorEntry entry = file.entry(name);
        if (!Arrays.equals(entry.shape(), shape)) {
            throw json.refuse(
                    "peft_type",
                    TYPE + " with " + name + " of shape " + Arrays.toString(shape) + ", not "
                            + Arrays.toString(entry.shape()));
        }
        float[] values = file.floats(name);
        for (float value : values) {
            if (!Float.isFinite(value)) {
                throw json.refuse("peft_type", TYPE + " with finite numbers in " + name);
            }
        }
        return values;
    }

    static SortedMap<String, @Nullable Object> fields(SparseConfig config, Adapter adapter) {
        SortedMap<String, @Nullable Object> fields = new TreeMap<>();
        fields.put("peft_type", TYPE);
        fields.put("base_model_name_or_path", config.baseModel().isEmpty() ? null : config.baseModel());
        fields.put("r", config.rank());
        adapter.modules().values().stream()
                .filter(SparseFactors.class::isInstance)
                .map(SparseFactors.class::cast)
                .findFirst()
                .ifPresent(own -> fields.put(SPARSITY, own.sparsity()));
        return fields;
    }
}
