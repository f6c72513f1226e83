package io.tandem.kernels.adapter.peft;

import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsFile;
import io.tandem.kernels.weights.TensorEntry;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;

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
        problem(name, values).ifPresent(problem -> {
            throw new ModelFormatException(problem);
        });
        return values;
    }

    /** What to say of the first value that is not finite; empty if all are. */
    static Optional<String> problem(String name, float[] values) {
        return IntStream.range(0, values.length)
                .filter(i -> !Float.isFinite(values[i]))
                .mapToObj(i -> name + " has the value " + values[i] + " at " + i + ", expected finite values")
                .findFirst();
    }
}
