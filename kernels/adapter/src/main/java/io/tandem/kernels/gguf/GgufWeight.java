package io.tandem.kernels.gguf;

/**
 * How a tensor of HuggingFace's comes out of one of the file.
 *
 * @param shape as HuggingFace has it
 * @param firstRow of the file's tensor
 * @param head rows of a head whose even rows are to come before the odd ones; 1 for the file's order
 * @param less what is subtracted from each number
 */
record GgufWeight(GgufTensor tensor, long[] shape, long firstRow, int head, float less) {
    static GgufWeight of(GgufTensor tensor) {
        return new GgufWeight(tensor, tensor.shape(), 0, 1, 0);
    }

    /**
     * For architectures that rotate neighbouring channels, where HuggingFace rotates those of two halves: the rows of
     * queries and keys are permuted in the file.
     */
    GgufWeight halves(int headDim) {
        return new GgufWeight(tensor, shape, firstRow, headDim, less);
    }

    /** Where the file holds what HuggingFace adds one to. */
    GgufWeight fromOne() {
        return new GgufWeight(tensor, shape, firstRow, head, 1);
    }

    /** One expert of a tensor with those of a layer. */
    GgufWeight expert(int index) {
        long[] all = tensor.shape();
        return new GgufWeight(tensor, new long[] {all[1], all[2]}, index * all[1], head, less);
    }

    /** Numbers in a row. In a vector whose order changes each number is a row, else all are one. */
    long rowElements() {
        return shape.length > 1 ? tensor.rowElements() : head > 1 ? 1 : shape[0];
    }

    long rows() {
        return shape.length > 1 || head > 1 ? shape[0] : 1;
    }
}
