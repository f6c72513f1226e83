package io.tandem.server.config;

/**
 * What batches may take.
 *
 * @param maxLines requests of one batch
 * @param maxBytes of its file
 * @param maxOpen batches that have not ended
 * @param concurrentRows requests of all batches that are with the engine at once
 */
public record BatchesConfig(int maxLines, long maxBytes, int maxOpen, int concurrentRows) {
    public static final BatchesConfig DEFAULT = new BatchesConfig(50_000, 200L << 20, 100, 32);

    public BatchesConfig {
        require(maxLines >= 1 && maxLines <= 10_000_000, "max-lines", maxLines, "1 to 10000000");
        require(maxBytes >= 1, "max-bytes", maxBytes, "1 or more");
        require(maxOpen >= 1 && maxOpen <= 100_000, "max-open", maxOpen, "1 to 100000");
        require(concurrentRows >= 1 && concurrentRows <= 4096, "concurrent-rows", concurrentRows, "1 to 4096");
    }

    private static void require(boolean holds, String key, Number found, String expected) {
        if (!holds) {
            throw new IllegalArgumentException("batches." + key + " is " + found + ", expected " + expected);
        }
    }
}
