package io.tandem.kernels.pretrain;

import java.util.ArrayList;
import java.util.List;

/** Where each tensor of the HuggingFace layout lies in the flat vector; the order is that of {@code llama.py}. */
final class WeightMap {
    /** A matrix of {@code rows} by {@code columns}, or a vector where rows is zero. */
    record Entry(String name, int offset, int rows, int columns) {
        int count() {
            return Math.max(1, rows) * columns;
        }

        boolean residualOutput() {
            return name.contains("o_proj") || name.contains("down_proj");
        }
    }

    private final List<Entry> entries = new ArrayList<>();
    private int offset;

    private WeightMap() {}

    static List<Entry> of(Shape shape) {
        WeightMap map = new WeightMap();
        map.add("model.embed_tokens", shape.vocab(), shape.hidden());
        for (int layer = 0; layer < shape.layers(); layer++) {
            String attention = "model.layers." + layer + ".self_attn.";
            String mlp = "model.layers." + layer + ".mlp.";
            map.add(attention + "q_proj", shape.heads() * shape.headDim(), shape.hidden());
            map.add(attention + "k_proj", shape.kvHeads() * shape.headDim(), shape.hidden());
            map.add(attention + "v_proj", shape.kvHeads() * shape.headDim(), shape.hidden());
            map.add(attention + "o_proj", shape.hidden(), shape.heads() * shape.headDim());
            map.add(mlp + "gate_proj", shape.ffn(), shape.hidden());
            map.add(mlp + "up_proj", shape.ffn(), shape.hidden());
            map.add(mlp + "down_proj", shape.hidden(), shape.ffn());
        }
        for (int layer = 0; layer < shape.layers(); layer++) {
            map.add("model.layers." + layer + ".input_layernorm", 0, shape.hidden());
            map.add("model.layers." + layer + ".post_attention_layernorm", 0, shape.hidden());
        }
        map.add("model.norm", 0, shape.hidden());
        return List.copyOf(map.entries);
    }

    private void add(String name, int rows, int columns) {
        Entry entry = new Entry(name + ".weight", offset, rows, columns);
        entries.add(entry);
        offset += entry.count();
    }
}
