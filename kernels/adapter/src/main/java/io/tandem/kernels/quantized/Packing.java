package io.tandem.kernels.quantized;

import io.tandem.kernels.weights.Checkpoint;
import java.util.Set;

/** How one method stores the weight of a linear in several tensors, all of whose names begin with the linear's. */
interface Packing {
    /** The end of the name of the tensor that shows that a linear is quantized; others are not. */
    String marker();

    /** The ends of the names of all its tensors. */
    Set<String> parts();

    /**
     * {@code [outputs, inputs]}, from headers and scalars.
     *
     * @throws io.tandem.kernels.weights.ModelFormatException if tensors are missing or do not fit each other
     */
    long[] shape(Checkpoint files, String linear);

    /**
     * Reads a linear into memory.
     *
     * @throws io.tandem.kernels.weights.ModelFormatException if tensors are missing or do not fit each other
     */
    GroupedLinear open(Checkpoint files, String linear);
}
