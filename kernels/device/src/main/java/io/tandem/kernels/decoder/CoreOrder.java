package io.tandem.kernels.decoder;

/**
 * How a full core {@code [rank, rank]} lies in a trainee's vector: for each rank its row up to the diagonal, and then its
 * column above the diagonal. So the numbers of the first ranks are the first of all, and those of ranks that come later follow.
 */
final class CoreOrder {
    private CoreOrder() {}

    static int position(int row, int column) {
        return row >= column ? row * row + column : column * column + column + 1 + row;
    }

    static void flatten(float[] core, int rank, float[] flat, int start) {
        for (int row = 0; row < rank; row++) {
            for (int column = 0; column < rank; column++) {
                flat[start + position(row, column)] = core[row * rank + column];
            }
        }
    }

    static void unflatten(float[] flat, int start, int rank, float[] core) {
        for (int row = 0; row < rank; row++) {
            for (int column = 0; column < rank; column++) {
                core[row * rank + column] = flat[start + position(row, column)];
            }
        }
    }
}
