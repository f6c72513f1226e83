package io.tandem.kernels.adapter.peft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.QuantizedConfig;
import io.tandem.kernels.adapter.QuantizedFactors;
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
 * The checkpoints of L4Q, which PEFT does not have: {@code NAME.l4q_A [rank, inputs]}, {@code NAME.l4q_B [outputs, rank]} and
 * {@code NAME.l4q_steps [outputs, inputs / group_size]} for each module that the weights name.
 */
final class QuantizedFactorFiles {
    static final String TYPE = "L4Q";

    private static final int MAX_RANK = 1 << 20;
    private static final double MAX_ALPHA = 1e9;

    private final JsonFields json;
    private final SafetensorsFile file;
    private final ModelConfig model;

    private QuantizedFactorFiles(JsonFields json, SafetensorsFile file, ModelConfig model) {
        this.json = json;
        this.file = file;
        this.model = model;
    }

    /** @throws ModelFormatException if something does not fit */
    static Adapter read(JsonFields json, SafetensorsFile file, ModelConfig model) {
        return new QuantizedFactorFiles(json, file, model).read();
    }

    private Adapter read() {
        int bits = json.integer("bits", 4, 8);
        int group = json.integer("group_size", 1, MAX_RANK);
        if (bits != 4 && bits != 8) {
            throw json.refuse("bits", "4 or 8");
        }
        int rank = json.integer("r", 1, MAX_RANK);
        double alpha = json.number("lora_alpha", -MAX_ALPHA, MAX_ALPHA, 8);
        Map<Site, QuantizedFactors> modules = new TreeMap<>();
        Set<TargetModule> targets = EnumSet.noneOf(TargetModule.class);
        Set<String> left = new TreeSet<>(file.names());
        LoraConfig all =
                new LoraConfig(rank, alpha, json.bool("use_rslora", false), EnumSet.allOf(TargetModule.class), "");
        for (Site site : Site.all(model)) {
            if (left.contains(PeftReader.tensor(site, QuantizedFactors.A))) {
                modules.put(site, module(site, rank, bits, group, all.scaling(rank), left));
                targets.add(site.module());
            }
        }
        if (modules.isEmpty() || !left.isEmpty()) {
            String why = modules.isEmpty()
                    ? "changes no module of the model"
                    : "has " + left.iterator().next();
            throw json.refuse("peft_type", TYPE + " with tensors of the model's linears, but the file " + why);
        }
        LoraConfig lora = new LoraConfig(rank, alpha, all.rankStabilized(), targets, PeftConfig.baseModel(json));
        return new Adapter(new QuantizedConfig(lora, bits, group), modules);
    }

    private QuantizedFactors module(Site site, int rank, int bits, int group, double scaling, Set<String> left) {
        int inputs = site.module().inputs(model);
        int outputs = site.module().outputs(model);
        if (inputs % group != 0) {
            throw json.refuse("group_size", "a divisor of the " + inputs + " inputs of " + site);
        }
        float[] a = floats(site, QuantizedFactors.A, left, rank, inputs);
        float[] b = floats(site, QuantizedFactors.B, left, outputs, rank);
        float[] steps = floats(site, QuantizedFactors.STEPS, left, outputs, inputs / group);
        return new QuantizedFactors(new LowRank(rank, inputs, outputs, a, b, scaling), bits, group, steps);
    }

    private float[] floats(Site site, String parameter, Set<String> left, long... shape) {
        String name = PeftReader.tensor(site, parameter);
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
        left.remove(name);
        return values;
    }

    static SortedMap<String, @Nullable Object> fields(QuantizedConfig config) {
        SortedMap<String, @Nullable Object> fields = new TreeMap<>();
        fields.put("peft_type", TYPE);
        fields.put("base_model_name_or_path", config.baseModel().isEmpty() ? null : config.baseModel());
        fields.put("bits", config.bits());
        fields.put("group_size", config.groupSize());
        fields.put("r", config.rank());
        fields.put("lora_alpha", config.lora().alpha());
        fields.put("use_rslora", config.lora().rankStabilized());
        return fields;
    }
}
