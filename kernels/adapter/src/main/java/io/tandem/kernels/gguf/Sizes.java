package io.tandem.kernels.gguf;

import io.tandem.kernels.gguf.GgufArchitecture.Trait;

/**
 * What both the weights' names and the configuration depend on.
 *
 * @param experts in each layer, 0 for none
 */
record Sizes(GgufArchitecture architecture, int hidden, int heads, int kvHeads, int headDim, int experts) {
    static Sizes of(Metadata metadata) {
        GgufArchitecture architecture = GgufArchitecture.of(metadata);
        Keys keys = new Keys(metadata, architecture);
        int hidden = keys.integer("embedding_length");
        int heads = keys.integer("attention.head_count");
        if (heads == 0) {
            throw keys.refuse("attention.head_count", "1 or more");
        }
        int headDim = keys.integer("attention.key_length", hidden / heads);
        if (keys.integer("attention.value_length", headDim) != headDim) {
            throw keys.refuse("attention.value_length", "as many as attention.key_length, " + headDim);
        }
        if (headDim < 2 || headDim % 2 != 0) {
            throw keys.refuse("attention.key_length", "an even number, not " + headDim);
        }
        return new Sizes(
                architecture,
                hidden,
                heads,
                keys.integer("attention.head_count_kv", heads),
                headDim,
                keys.integer("expert_count", 0));
    }

    /** Rows of a head whose order has to be changed; 1 if it has not. */
    int permutedHead() {
        return architecture.has(Trait.PERMUTED) ? headDim : 1;
    }
}
