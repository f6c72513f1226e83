package io.tandem.kernels.made;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.QuantizedConfig;
import io.tandem.kernels.adapter.QuantizedFactors;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import java.util.Map;

/**
 * What training over quantized weights leaves, in compressed-tensors' format {@code pack-quantized}, which
 * {@link io.tandem.kernels.quantized.QuantizedCheckpoint} reads. Scales are float32, so that each weight is the one that was
 * trained to the last digit.
 */
final class QuantizedBase extends NewBase {
    private final BaseWeights weights;
    private final Adapter trained;
    private final QuantizedConfig config;

    QuantizedBase(ModelFiles base, BaseWeights weights, Adapter trained, QuantizedConfig config) {
        super(base);
        this.weights = weights;
        this.trained = trained;
        this.config = config;
    }

    @Override
    void replace(Map<String, Tensor> tensors) {
        trained.modules().forEach((site, change) -> {
            if (change instanceof QuantizedFactors own) {
                tensors.remove(site + ".weight");
                tensors.putAll(tensors(site, own));
            }
        });
    }

    private Map<String, Tensor> tensors(Site site, QuantizedFactors own) {
        int columns = columns(own);
        return Map.of(
                site + ".weight_packed",
                new Tensor(StoredType.I32, new long[] {own.outputs(), columns}, () -> packed(site, own)),
                site + ".weight_scale",
                new Tensor(StoredType.F32, new long[] {own.outputs(), own.groups()}, () -> scales(own)),
                site + ".weight_shape",
                new Tensor(StoredType.I64, new long[] {2}, () -> new long[] {own.outputs(), own.inputs()}));
    }

    private static int columns(QuantizedFactors own) {
        int perInt = Integer.SIZE / own.bits();
        return (own.inputs() + perInt - 1) / perInt;
    }

    /** Lowest bits first, shifted to be positive. */
    private int[] packed(Site site, QuantizedFactors own) {
        byte[] codes = own.codes(weights.of(site));
        int perInt = Integer.SIZE / own.bits();
        int columns = columns(own);
        int zero = 1 << (own.bits() - 1);
        int[] packed = new int[own.outputs() * columns];
        for (int i = 0; i < codes.length; i++) {
            int input = i % own.inputs();
            packed[i / own.inputs() * columns + input / perInt] |= (codes[i] + zero) << (own.bits() * (input % perInt));
        }
        return packed;
    }

    private static float[] scales(QuantizedFactors own) {
        float[] scales = new float[own.steps().length];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = own.step(i / own.groups(), i % own.groups());
        }
        return scales;
    }

    @Override
    void configure(ObjectNode json, ModelConfig model) {
        ObjectNode quantization = json.putObject("quantization_config");
        quantization.put("quant_method", "compressed-tensors").put("format", "pack-quantized");
        quantization.put("quantization_status", "compressed");
        ObjectNode group = quantization.putObject("config_groups").putObject("group_0");
        group.putArray("targets").add("Linear");
        ObjectNode of = group.putObject("weights");
        of.put("num_bits", config.bits()).put("type", "int").put("symmetric", true);
        of.put("strategy", "group").put("group_size", config.groupSize()).put("dynamic", false);
        ArrayNode ignored = quantization.putArray("ignore").add("lm_head");
        for (Site site : Site.all(model)) {
            if (!trained.modules().containsKey(site)) {
                ignored.add(site.toString());
            }
        }
    }
}
