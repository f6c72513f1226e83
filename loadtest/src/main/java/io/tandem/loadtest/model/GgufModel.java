package io.tandem.loadtest.model;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.WeightNames;
import io.tandem.kernels.weights.WeightNames.NormPlace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;

/** The random model as llama.cpp reads it, with the metadata and the names that its converter would write. */
final class GgufModel {
    private static final int NORMAL = 1;
    private static final int CONTROL = 3;
    private static final int UNUSED = 5;

    private static final Map<TargetModule, String> LINEARS = Map.of(
            TargetModule.Q_PROJ, "attn_q",
            TargetModule.K_PROJ, "attn_k",
            TargetModule.V_PROJ, "attn_v",
            TargetModule.O_PROJ, "attn_output",
            TargetModule.GATE_PROJ, "ffn_gate",
            TargetModule.UP_PROJ, "ffn_up",
            TargetModule.DOWN_PROJ, "ffn_down");

    private final RandomWeights weights;
    private final ModelConfig model;
    private final GgufType type;
    private final LongConsumer made;
    private final GgufWriter file = new GgufWriter();

    private GgufModel(RandomWeights weights, GgufType type, LongConsumer made) {
        this.weights = weights;
        this.model = weights.config();
        this.type = type;
        this.made = made;
    }

    /**
     * Writes a file whose matrices are in one type and whose norms are in float32.
     *
     * @param made hears how many numbers each tensor has that was drawn
     */
    static void write(Path path, RandomWeights weights, GgufType type, LongConsumer made) throws IOException {
        GgufModel model = new GgufModel(weights, type, made);
        model.metadata();
        model.tokenizer();
        model.tensors();
        model.file.write(path);
    }

    private void metadata() {
        file.put("general.architecture", "llama").put("general.name", "random");
        file.put("general.alignment", GgufWriter.ALIGNMENT).put("general.quantization_version", 2);
        file.put("general.file_type", type.fileCode());
        file.put("llama.context_length", model.maxPositions()).put("llama.embedding_length", model.hidden());
        file.put("llama.block_count", model.layers()).put("llama.feed_forward_length", model.ffn());
        file.put("llama.attention.head_count", model.heads()).put("llama.attention.head_count_kv", model.kvHeads());
        file.put("llama.attention.layer_norm_rms_epsilon", (float) model.norms().epsilon());
        file.put("llama.rope.dimension_count", model.headDim())
                .put("llama.rope.freq_base", (float) model.rotaries().get(0).theta());
        file.put("llama.vocab_size", model.vocab());
    }

    private void tokenizer() {
        ByteVocabulary vocabulary = new ByteVocabulary(model.vocab());
        int[] types = IntStream.range(0, vocabulary.size())
                .map(id -> id == ByteVocabulary.END_OF_TEXT ? CONTROL : vocabulary.isByte(id) ? NORMAL : UNUSED)
                .toArray();
        List<String> names =
                IntStream.range(0, vocabulary.size()).mapToObj(vocabulary::name).toList();
        file.put("tokenizer.ggml.model", "gpt2").put("tokenizer.ggml.pre", "gpt-2");
        file.put("tokenizer.ggml.tokens", names).put("tokenizer.ggml.token_type", types);
        file.put("tokenizer.ggml.merges", List.of());
        file.put("tokenizer.ggml.bos_token_id", ByteVocabulary.END_OF_TEXT);
        file.put("tokenizer.ggml.eos_token_id", ByteVocabulary.END_OF_TEXT);
        file.put("tokenizer.ggml.add_bos_token", false);
    }

    private void tensors() {
        tensor(WeightNames.EMBEDDING, "token_embd", 0);
        for (int layer = 0; layer < model.layers(); layer++) {
            String block = "blk." + layer + ".";
            tensor(name(layer, NormPlace.ATTENTION), block + "attn_norm", 0);
            for (TargetModule module : model.modules()) {
                int heads = switch (module) {
                    case Q_PROJ -> model.heads();
                    case K_PROJ -> model.kvHeads();
                    default -> 0;
                };
                tensor(WeightNames.weight(layer, module), block + LINEARS.get(module), heads);
            }
            tensor(name(layer, NormPlace.MLP), block + "ffn_norm", 0);
        }
        tensor(WeightNames.FINAL_NORM, "output_norm", 0);
    }

    private String name(int layer, NormPlace place) {
        return Objects.requireNonNull(WeightNames.norms(model, layer).get(place));
    }

    /** @param heads whose rows llama.cpp wants in another order; 0 if it does not */
    private void tensor(String name, String as, int heads) {
        long[] shape = weights.shape(name);
        file.tensor(as + ".weight", shape.length == 2 ? type : GgufType.F32, shape, () -> {
            float[] values = weights.values(name);
            made.accept(values.length);
            return heads == 0 ? values : interleaved(values, heads, (int) shape[1]);
        });
    }

    /** HuggingFace rotates a head's halves against each other, llama.cpp neighbouring numbers of it. */
    static float[] interleaved(float[] values, int heads, int columns) {
        int half = values.length / columns / heads / 2;
        float[] ordered = new float[values.length];
        for (int row = 0; row < values.length / columns; row++) {
            int head = row / (2 * half);
            int inside = row % (2 * half);
            int target = head * 2 * half + 2 * (inside % half) + inside / half;
            System.arraycopy(values, row * columns, ordered, target * columns, columns);
        }
        return ordered;
    }
}
