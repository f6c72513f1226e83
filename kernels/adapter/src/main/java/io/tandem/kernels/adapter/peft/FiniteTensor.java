package io.tandem.kernels.adapter.peft;

import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsFile;
import io.tandem.kernels.weights.TensorEntry;
import java.util.Arrays;

/** Reading a tensor of a file that has few. */
final class FiniteTensor {
    private FiniteTensor() {}

    /** @throws ModelFormatException if it is missing, of another shape or type, or has a value that is not finite */
    static float[] read(SafetensorsFile file, String name, long... expected) {
        if (!file.names().contains(name)) {
            throw new ModelFormatException(name + " is missing, expected " + Arrays.toString(expected));
        }
        TensorEntry entry = file.entry(name);
        if (!Arrays.equals(entry.shape(), expected) || !entry.dtype().isFloating()) {
            throw new ModelFormatException(name + " is " + Arrays.toString(entry.shape()) + " of " + entry.dtype()
                    + ", expected " + Arrays.toString(expected) + " of F64, F32, F16 or BF16");
        }
        float[] values = file.floats(name);
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                throw new ModelFormatException(
                        name + " has the value " + values[i] + " at " + i + ", expected finite values");
            }
        }
        return values;
    }
}
