package io.tandem.kernels.pretrain;

/** Sizes of a Llama with tied embeddings. */
public record Shape(int layers, int hidden, int heads, int kvHeads, int headDim, int ffn, int vocab) {
    static final double THETA = 10_000;
    static final int MAX_POSITIONS = 1_024;

    /** The sample model: 4.4 million weights, 8.8 MB in bf16. */
    static final Shape SAMPLE = new Shape(6, 256, 8, 4, 32, 640, 1_024);

    /** Numbers in the matrices, which weight decay reaches. */
    int matrices() {
        int attention = (heads + 2 * kvHeads) * headDim * hidden + hidden * heads * headDim;
        return vocab * hidden + layers * (attention + 3 * ffn * hidden);
    }

    int parameters() {
        return matrices() + (2 * layers + 1) * hidden;
    }

    /** In the order that the TorchScript sources expect. */
    long[] numbers() {
        return new long[] {layers, hidden, heads, kvHeads, headDim, ffn, vocab};
    }
}
