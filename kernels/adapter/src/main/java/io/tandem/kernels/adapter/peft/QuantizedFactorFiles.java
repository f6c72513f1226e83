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
import java.util.EnumSet;
import java.util.Map;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/**
 * The checkpoints of L4Q, which PEFT does not have: {@code NAME.l4q_A [rank, inputs]}, {@code NAME.l4q_B [outputs, rank]} and
 * {@code NAME.l4q_steps [outputs, inputs / group_size]} for each module that the weights name.
 */
final class QuantizedFactorFiles {
    static final String TYPE = "L4Q";

    private static final int MAX_GROUP = 1 << 20;
    private static final double MAX_ALPHA = 1e9;

    private final ModuleTensors tensors;
    private final JsonFields json;
    private final ModelConfig model;
    private final int bits;
    private final int group;
    private final LoraConfig lora;

    private QuantizedFactorFiles(JsonFields json, SafetensorsFile file, ModelConfig model, int maxRank) {
        this.tensors = new ModuleTensors(json, file, TYPE);
        this.json = json;
        this.model = model;
        this.bits = json.integer("bits", 4, 8);
        if (bits != 4 && bits != 8) {
            throw json.refuse("bits", "4 or 8");
        }
        this.group = json.integer("group_size", 1, MAX_GROUP);
        this.lora = new LoraConfig(
                ModuleTensors.rank(json, maxRank),
                json.number("lora_alpha", -MAX_ALPHA, MAX_ALPHA, 8),
                json.bool("use_rslora", false),
                EnumSet.allOf(TargetModule.class),
                PeftConfig.baseModel(json));
    }

    /**
     * @param maxRank largest rank
     * @throws ModelFormatException if something does not fit
     */
    static Adapter read(JsonFields json, SafetensorsFile file, ModelConfig model, int maxRank) {
        return new QuantizedFactorFiles(json, file, model, maxRank).read();
    }

    private Adapter read() {
        Map<Site, QuantizedFactors> modules = tensors.read(model, QuantizedFactors.A, this::module);
        LoraConfig own = new LoraConfig(
                lora.rank(), lora.alpha(), lora.rankStabilized(), ModuleTensors.targets(modules), lora.baseModel());
        return new Adapter(new QuantizedConfig(own, bits, group), modules);
    }

    private QuantizedFactors module(Site site) {
        int inputs = site.module().inputs(model);
        int outputs = site.module().outputs(model);
        if (inputs % group != 0) {
            throw json.refuse("group_size", "a divisor of the " + inputs + " inputs of " + site);
        }
        int rank = lora.rank();
        float[] a = tensors.take(site, QuantizedFactors.A, rank, inputs);
        float[] b = tensors.take(site, QuantizedFactors.B, outputs, rank);
        float[] steps = tensors.take(site, QuantizedFactors.STEPS, outputs, inputs / group);
        return new QuantizedFactors(new LowRank(rank, inputs, outputs, a, b, lora.scaling(rank)), bits, group, steps);
    }

    static SortedMap<String, @Nullable Object> fields(QuantizedConfig config) {
        SortedMap<String, @Nullable Object> fields = PeftConfig.fields(TYPE, config.baseModel());
        fields.put("bits", config.bits());
        fields.put("group_size", config.groupSize());
        fields.put("r", config.rank());
        fields.put("lora_alpha", config.lora().alpha());
        fields.put("use_rslora", config.lora().rankStabilized());
        return fields;
    }
}
