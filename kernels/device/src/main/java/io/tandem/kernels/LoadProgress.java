package io.tandem.kernels;

/** Is told how far a model has been read, on the thread that loads it. */
@FunctionalInterface
public interface LoadProgress {
    LoadProgress NONE = (read, total) -> {};

    /**
     * Called after every few megabytes.
     *
     * @param read bytes of weights so far
     * @param total bytes of all that will be read
     */
    void show(long read, long total);
}
