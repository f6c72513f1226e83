package io.tandem.kernels.quantized;

import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import java.util.Optional;

/** The {@code quantization_config} of a {@code config.json}. */
public final class QuantizationConfig {
    private static final String KEY = "quantization_config";
    private static final int MAX_GROUP = 1 << 20;

    private QuantizationConfig() {}

    /**
     * Refuses what cannot be read.
     *
     * @throws ModelFormatException that names the field and what is supported
     */
    public static void check(JsonFields config) {
        packing(config);
    }

    /** How linears are stored; empty if they are not quantized. */
    static Optional<Packing> packing(JsonFields config) {
        return config.object(KEY).map(QuantizationConfig::of);
    }

    private static Packing of(JsonFields quantization) {
        return switch (quantization.text("quant_method").orElse("")) {
            case "gptq" -> gptq(quantization);
            case "awq" -> awq(quantization);
            case "compressed-tensors" -> compressed(quantization);
            default ->
                throw quantization.refuse(
                        "quant_method",
                        "gptq, awq or compressed-tensors; take the unquantized checkpoint and quantize it as it loads, with"
                                + " --weight-form int8 or int4 (docs/models.md)");
        };
    }

    private static Packing gptq(JsonFields quantization) {
        int bits = bits(quantization, "bits");
        String format = quantization.text("checkpoint_format").orElse("gptq");
        if (!format.equals("gptq") && !format.equals("gptq_v2")) {
            throw quantization.refuse("checkpoint_format", "gptq or gptq_v2");
        }
        requireEmpty(quantization, "dynamic", "the same bits and group size for every linear");
        return new Gptq(bits, groupSize(quantization), format.equals("gptq") ? 1 : 0);
    }

    private static Packing awq(JsonFields quantization) {
        if (quantization.integer("bits", 1, 16) != 4) {
            throw quantization.refuse("bits", "4");
        }
        if (!quantization.text("version").orElse("gemm").equalsIgnoreCase("gemm")) {
            throw quantization.refuse("version", "gemm");
        }
        if (!quantization.bool("zero_point", true)) {
            throw quantization.refuse("zero_point", "true");
        }
        return new Awq(groupSize(quantization));
    }

    private static Packing compressed(JsonFields quantization) {
        String format = quantization.text("format").orElse("");
        boolean packed = format.equals("pack-quantized");
        if (!packed && !format.equals("int-quantized") && !format.equals("naive-quantized")) {
            throw quantization.refuse("format", "pack-quantized, int-quantized or naive-quantized");
        }
        requireEmpty(quantization, "kv_cache_scheme", "none");
        requireEmpty(quantization, "sparsity_config", "none");
        JsonFields groups = quantization
                .object("config_groups")
                .orElseThrow(() -> quantization.refuse("config_groups", "an object of groups"));
        int bits = 0;
        for (String name : groups.keys()) {
            JsonFields weights = groups.object(name)
                    .flatMap(group -> group.object("weights"))
                    .orElseThrow(() -> groups.refuse(name, "a group with weights"));
            int found = bits(weights, "num_bits");
            if (!weights.text("type").orElse("int").equals("int")) {
                throw weights.refuse("type", "int");
            }
            if (!weights.bool("symmetric", true)) {
                throw weights.refuse("symmetric", "true");
            }
            if (bits != 0 && bits != found) {
                throw weights.refuse("num_bits", bits + ", as in the other groups");
            }
            bits = found;
        }
        if (bits == 0) {
            throw quantization.refuse("config_groups", "at least one group");
        }
        return new CompressedTensors(bits, packed);
    }

    private static void requireEmpty(JsonFields quantization, String key, String expected) {
        Optional<JsonFields> fields = quantization.object(key);
        if (fields.isPresent() && fields.get().keys().iterator().hasNext()) {
            throw quantization.refuse(key, expected);
        }
    }

    private static int bits(JsonFields fields, String key) {
        int bits = fields.integer(key, 1, 16);
        if (bits != 4 && bits != 8) {
            throw fields.refuse(key, "4 or 8");
        }
        return bits;
    }

    private static int groupSize(JsonFields quantization) {
        return quantization.integer("group_size", -1, MAX_GROUP, -1);
    }
}
