package io.tandem.kernels.testing;

import io.tandem.kernels.model.Biases;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.Norms;
import io.tandem.kernels.model.RopeScaling;
import io.tandem.kernels.model.Rotary;
import io.tandem.kernels.weights.HalfPrecision;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.WeightNames;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.BiFunction;

/**
 * A random model of a few thousand parameters; the same variant and seed always give the same weights. Every weight is
 * exactly a bfloat16, so storing it in float32 or bfloat16 makes no difference.
 */
public final class TinyModel {
    /** One for each switch of the architecture; sizes are awkward on purpose. */
    public enum Variant {
        /** Grouped queries, untied head. */
        LLAMA,
        /** Llama 3.1's rotary scaling with all three of its regimes, one key head for three query heads, tied head. */
        LLAMA3,
        /** Rotary positions divided by a factor. */
        LLAMA_LINEAR,
        /** As many key heads as query heads. */
        MHA,
        /** A bias in every linear. */
        BIASES,
        MISTRAL,
        /** Bias of q, k and v; tied head. */
        QWEN2,
        /** Norms of queries and keys; heads wider than the residual stream. */
        QWEN3;

        ModelConfig config(int vocab) {
            ModelConfig.Builder llama = ModelConfig.llama(2, 32, 4, 2, 8, 44, vocab);
            ModelConfig.Builder model = switch (this) {
                case LLAMA -> llama;
                case LLAMA3 ->
                    ModelConfig.llama(3, 48, 3, 1, 16, 44, vocab)
                            .rotary(new Rotary(10_000, 16, Optional.of(new RopeScaling.Llama3(8, 1, 4, 32))))
                            .tied(true);
                case LLAMA_LINEAR -> llama.rotary(new Rotary(10_000, 8, Optional.of(new RopeScaling.Linear(4))));
                case MHA -> ModelConfig.llama(2, 32, 4, 4, 8, 44, vocab);
                case BIASES -> llama.biases(new Biases(true, true, true));
                case MISTRAL ->
                    ModelConfig.llama(2, 32, 4, 2, 16, 44, vocab)
                            .architecture("MistralForCausalLM")
                            .theta(1e6);
                case QWEN2 ->
                    ModelConfig.llama(3, 32, 4, 2, 8, 44, vocab)
                            .architecture("Qwen2ForCausalLM")
                            .biases(new Biases(true, false, false))
                            .theta(1e6)
                            .tied(true);
                case QWEN3 ->
                    ModelConfig.llama(2, 32, 4, 2, 16, 44, vocab)
                            .architecture("Qwen3ForCausalLM")
                            .theta(1e6)
                            .queryKeyNorm(Norms.QueryKey.HEAD);
            };
            return model.maxPositions(512).build();
        }
    }

    private static final int DEFAULT_VOCAB = 61;

    private final ModelConfig config;
    private final Map<String, float[]> weights;

    private TinyModel(ModelConfig config, long seed) {
        this(config, random(config, seed));
    }

    private TinyModel(ModelConfig config, Map<String, float[]> weights) {
        this.config = config;
        this.weights = Collections.unmodifiableMap(weights);
    }

    /** A model with a vocabulary of 61 tokens and no tokenizer. */
    public static TinyModel of(Variant variant, long seed) {
        return new TinyModel(variant.config(DEFAULT_VOCAB), seed);
    }

    /** A model whose vocabulary is that of {@link ByteTokenizer}. */
    public static TinyModel withTokenizer(Variant variant, long seed) {
        return new TinyModel(variant.config(ByteTokenizer.VOCAB), seed);
    }

    /** A model of any shape; large ones are slow. */
    public static TinyModel of(ModelConfig config, long seed) {
        return new TinyModel(config, seed);
    }

    public ModelConfig config() {
        return config;
    }

    /** The weights by HuggingFace's names, row by row. */
    public Map<String, float[]> weights() {
        return weights;
    }

    /** The same with other weights, each made from its name and values. */
    public TinyModel withWeights(BiFunction<String, float[], float[]> change) {
        Map<String, float[]> changed = new LinkedHashMap<>();
        weights.forEach((name, values) -> changed.put(name, change.apply(name, values)));
        return new TinyModel(config, changed);
    }

    /** Writes a HuggingFace directory with one weight file in float32. */
    public void write(Path directory) throws IOException {
        write(directory, StoredType.F32, 1);
    }

    /**
     * Writes a HuggingFace directory; with tokenizer files if the vocabulary is that of {@link ByteTokenizer}.
     *
     * @param dtype F32 or BF16
     * @param shards 1 for a single file, otherwise that many with an index
     */
    public void write(Path directory, StoredType dtype, int shards) throws IOException {
        new ModelDirectory(directory).write(this, dtype, shards);
    }

    private static Map<String, float[]> random(ModelConfig config, long seed) {
        Random random = new Random(seed);
        Map<String, float[]> weights = new LinkedHashMap<>();
        WeightNames.expected(config).forEach((name, shape) -> {
            boolean matrix = shape.length == 2;
            boolean norm = name.endsWith("norm.weight");
            // Matrices keep the size of what they multiply. A tied embedding is one of them: larger logits would
            // saturate the softmax, and with it every gradient.
            boolean large = name.equals(WeightNames.EMBEDDING) && !config.tiedEmbeddings();
            double scale = large ? 1 : matrix ? 1 / Math.sqrt(shape[1]) : 0.2;
            float[] values = new float[Math.toIntExact(matrix ? shape[0] * shape[1] : shape[0])];
            for (int i = 0; i < values.length; i++) {
                values[i] = rounded((norm ? 1 : 0) + scale * random.nextGaussian());
            }
            weights.put(name, values);
        });
        return weights;
    }

    /** To a bfloat16, so that the same numbers reach every type. */
    public static float rounded(double value) {
        return HalfPrecision.fromBfloat16(HalfPrecision.toBfloat16((float) value));
    }
}
