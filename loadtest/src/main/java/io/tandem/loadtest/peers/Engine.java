package io.tandem.loadtest.peers;

import java.io.IOException;

/** One side of the comparison: a model in memory that takes batches of tokens. */
interface Engine extends AutoCloseable {

    /** As it stands in the results. */
    String name();

    /**
     * Milliseconds of each of some steps in which every sequence takes one token, its logits included.
     *
     * @param batch sequences, each with its own random prompt
     * @param context tokens of each sequence before the first step
     */
    double[] decode(int batch, int context, int steps) throws IOException;

    /** Milliseconds of reading a prompt of random tokens, repeatedly; the last token's logits included. */
    double[] prefill(int tokens, int repetitions) throws IOException;

    /** The most likely token after each beginning of the prompt, read token by token. */
    int[] greedy(int[] prompt) throws IOException;

    @Override
    void close() throws IOException;
}
