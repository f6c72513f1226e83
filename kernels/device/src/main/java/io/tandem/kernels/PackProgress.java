package io.tandem.kernels;

/**
 * How far a pack has come, or several together.
 *
 * @param rows of the pack
 * @param learningRows that go backward, unless the pack only measures
 * @param layers that those go backward through, some of them perhaps through fewer
 * @param forwardRows rows that have not gone forward
 * @param backwardRowLayers rows times layers that have not gone backward; 0 if the pack only measures
 */
public record PackProgress(int rows, int learningRows, int layers, int forwardRows, long backwardRowLayers) {

    /** Of a pack whose rows all go backward, if any do. */
    public PackProgress(int rows, int layers, int forwardRows, long backwardRowLayers) {
        this(rows, rows, layers, forwardRows, backwardRowLayers);
    }

    public boolean done() {
        return forwardRows == 0 && backwardRowLayers == 0;
    }

    /** Whether nothing has run. */
    public boolean untouched() {
        return forwardRows == rows;
    }

    /**
     * How many layers the next rows that go backward lie in, if these are so many rows times layers, 1 or more, and all rows
     * go through all layers.
     */
    public int backwardWindows(long rowLayers) {
        long top = (backwardRowLayers + learningRows - 1) / learningRows;
        return Math.toIntExact(top - (backwardRowLayers - rowLayers) / learningRows);
    }
}
