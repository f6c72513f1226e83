package io.tandem.kernels.pretrain;

import java.util.Arrays;

/**
 * The batch of each optimizer step, decided by seed and step alone, so that a resumed run sees what it would have seen.
 * Every row begins with a document, as every prompt does; its last document is cut.
 */
final class Batches {
    /** Tokens that each row trains on, and rows. */
    record Size(int rows, int length) {}

    private final Corpus corpus;
    private final BpeTokenizer tokenizer;
    private final long seed;

    Batches(Corpus corpus, BpeTokenizer tokenizer, long seed) {
        this.corpus = corpus;
        this.tokenizer = tokenizer;
        this.seed = seed;
    }

    /** [rows, length + 1], row by row. */
    long[] batch(int step, Size size) {
        Draw draw = Draw.of(seed, step);
        long[] batch = new long[size.rows() * (size.length() + 1)];
        for (int row = 0; row < size.rows(); row++) {
            Ids ids = new Ids();
            while (ids.size() <= size.length()) {
                ids.addAll(tokenizer.encode(corpus.document(draw)));
            }
            long[] tokens = Arrays.stream(ids.toArray()).asLongStream().toArray();
            System.arraycopy(tokens, 0, batch, row * (size.length() + 1), size.length() + 1);
        }
        return batch;
    }
}
