package io.tandem.kernels.testing;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.HalfPrecision;
import io.tandem.kernels.weights.WeightNames;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Writes a tiny model as llama.cpp's converter does. */
public final class GgufModel {
    /** How matrices are stored; everything else is float32. */
    public enum Plain {
        F32(0),
        F16(1),
        BF16(30);

        private final int number;

        Plain(int number) {
            this.number = number;
        }
    }

    private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d+)\\.(.+)\\.(weight|bias)");
    private static final Pattern EXPERT = Pattern.compile("(.+)\\.experts\\.(\\d+)\\.(.+)");
    private static final Map<String, String> NAMES = Map.ofEntries(
            Map.entry("input_layernorm", "attn_norm"),
            Map.entry("self_attn.q_proj", "attn_q"),
            Map.entry("self_attn.k_proj", "attn_k"),
            Map.entry("self_attn.v_proj", "attn_v"),
            Map.entry("self_attn.qkv_proj", "attn_qkv"),
            Map.entry("self_attn.o_proj", "attn_output"),
            Map.entry("self_attn.q_norm", "attn_q_norm"),
            Map.entry("self_attn.k_norm", "attn_k_norm"),
            Map.entry("pre_feedforward_layernorm", "ffn_norm"),
            Map.entry("post_feedforward_layernorm", "post_ffw_norm"),
            Map.entry("mlp.gate_proj", "ffn_gate"),
            Map.entry("mlp.up_proj", "ffn_up"),
            Map.entry("mlp.gate_up_proj", "ffn_up"),
            Map.entry("mlp.down_proj", "ffn_down"),
            Map.entry("mlp.gate", "ffn_gate_inp"),
            Map.entry("block_sparse_moe.gate", "ffn_gate_inp"),
            Map.entry("gate_proj", "ffn_gate_exps"),
            Map.entry("up_proj", "ffn_up_exps"),
            Map.entry("down_proj", "ffn_down_exps"),
            Map.entry("w1", "ffn_gate_exps"),
            Map.entry("w3", "ffn_up_exps"),
            Map.entry("w2", "ffn_down_exps"));

    private final String architecture;
    private final ModelConfig model;
    private final GgufWriter file = new GgufWriter();
    private final Map<String, float[]> numbers = new LinkedHashMap<>();
    private final Map<String, List<byte[]>> experts = new TreeMap<>();
    private final Map<String, long[]> expertShapes = new TreeMap<>();

    /** @param architecture as the file calls it */
    public GgufModel(String architecture, ModelConfig model) {
        this.architecture = architecture;
        this.model = model;
        file.put("general.architecture", architecture);
        key("block_count", model.layers());
        key("context_length", model.maxPositions());
        key("embedding_length", model.hidden());
        key("feed_forward_length", model.ffn());
        key("attention.head_count", model.heads());
        key("attention.head_count_kv", model.kvHeads());
        key("attention.key_length", model.headDim());
        key("attention.value_length", model.headDim());
        key("attention.layer_norm_rms_epsilon", (float) model.norms().epsilon());
        key("rope.freq_base", (float) model.rotaries().get(0).theta());
    }

    /** A key that begins with the architecture. */
    public GgufModel key(String key, Object value) {
        file.put(architecture + "." + key, value);
        return this;
    }

    /** For what else a test needs to say. */
    public GgufWriter file() {
        return file;
    }

    /** What HuggingFace's names stand for, once there are weights. */
    public Map<String, float[]> numbers() {
        return numbers;
    }

    /** Weights of a model; in F16 they may be rounded. */
    public GgufModel weights(TinyModel tiny, Plain type) {
        tiny.weights().forEach((name, values) -> {
            int stored = WeightNames.expected(model).get(name).length > 1 ? type.number : 0;
            float[] rounded = values.clone();
            byte[] bytes = plain(rounded, stored, shift(name));
            put(name, stored, bytes, rounded);
        });
        return end();
    }

    /** Weights of random blocks; those whose rows are no whole blocks, and vectors, are a model's. */
    public GgufModel weights(TinyModel tiny, GgufBlock.Type type, Random random) {
        tiny.weights().forEach((name, values) -> {
            long[] shape = WeightNames.expected(model).get(name);
            if (shape.length == 2 && shape[1] % type.elements == 0) {
                float[] made = new float[values.length];
                put(name, type.number, blocks(made, shape, type, random), made);
            } else {
                put(name, 0, plain(values, 0, shift(name)), values);
            }
        });
        return end();
    }

    private static byte[] blocks(float[] made, long[] shape, GgufBlock.Type type, Random random) {
        ByteBuffer bytes = null;
        for (int at = 0; at < made.length; at += type.elements) {
            GgufBlock block = GgufBlock.random(type, 1 / Math.sqrt(shape[1]), random);
            if (bytes == null) {
                bytes = ByteBuffer.allocate(made.length / type.elements * block.bytes().length);
            }
            bytes.put(block.bytes());
            for (int i = 0; i < type.elements; i++) {
                made[at + i] = (float) block.numbers()[i];
            }
        }
        return bytes == null ? new byte[0] : bytes.array();
    }

    /** Gemma's files have what HuggingFace's add one to. */
    private float shift(String name) {
        return architecture.startsWith("gemma") && name.endsWith("norm.weight") ? 1 : 0;
    }

    /** @param values are rounded to the type */
    private static byte[] plain(float[] values, int type, float shift) {
        ByteBuffer bytes =
                ByteBuffer.allocate(values.length * (type == 0 ? 4 : 2)).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < values.length; i++) {
            if (type == 0) {
                bytes.putFloat(values[i] + shift);
                values[i] = values[i] + shift - shift;
            } else if (type == Plain.F16.number) {
                short half = HalfPrecision.toFloat16(values[i]);
                bytes.putShort(half);
                values[i] = HalfPrecision.fromFloat16(half);
            } else {
                bytes.putShort(HalfPrecision.toBfloat16(values[i]));
            }
        }
        return bytes.array();
    }

    private void put(String name, int type, byte[] bytes, float[] values) {
        numbers.put(name, values);
        long[] shape = WeightNames.expected(model).get(name);
        Matcher layer = LAYER.matcher(name);
        if (!layer.matches()) {
            String outside = switch (name) {
                case WeightNames.EMBEDDING -> "token_embd.weight";
                case WeightNames.FINAL_NORM -> "output_norm.weight";
                default -> "output.weight";
            };
            file.tensor(outside, type, shape, bytes);
            return;
        }
        String block = "blk." + layer.group(1) + ".";
        Matcher expert = EXPERT.matcher(layer.group(2));
        if (expert.matches()) {
            String all = block + NAMES.get(expert.group(3)) + ".weight";
            experts.computeIfAbsent(all, key -> new ArrayList<>()).add(bytes);
            expertShapes.put(all, new long[] {type, shape[0], shape[1]});
            return;
        }
        boolean rotated = layer.group(2).endsWith("q_proj") || layer.group(2).endsWith("k_proj");
        boolean permuted = rotated && architecture.equals("llama");
        file.tensor(
                block + name(layer.group(2)) + "." + layer.group(3),
                type,
                shape,
                permuted ? interleaved(bytes, (int) shape[0], model.headDim()) : bytes);
    }

    private String name(String huggingFace) {
        if (huggingFace.equals("post_attention_layernorm")) {
            return architecture.startsWith("gemma") ? "post_attention_norm" : "ffn_norm";
        }
        return Optional.ofNullable(NAMES.get(huggingFace)).orElseThrow();
    }

    /** Row h D + 2 i + j of the file is row h D + j D / 2 + i of HuggingFace. */
    private static byte[] interleaved(byte[] rows, int count, int headDim) {
        byte[] all = new byte[rows.length];
        int size = rows.length / count;
        for (int head = 0; head < count / headDim; head++) {
            for (int i = 0; i < headDim / 2; i++) {
                for (int j = 0; j < 2; j++) {
                    int from = head * headDim + j * headDim / 2 + i;
                    System.arraycopy(rows, from * size, all, (head * headDim + 2 * i + j) * size, size);
                }
            }
        }
        return all;
    }

    private GgufModel end() {
        experts.forEach((name, all) -> {
            ByteBuffer bytes = ByteBuffer.allocate(all.size() * all.get(0).length);
            all.forEach(bytes::put);
            long[] shape = expertShapes.get(name);
            file.tensor(name, (int) shape[0], new long[] {all.size(), shape[1], shape[2]}, bytes.array());
        });
        if (model.vocab() == ByteTokenizer.VOCAB) {
            ByteTokenizer.gguf(file);
        }
        return this;
    }
}
