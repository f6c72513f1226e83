package io.tandem.kernels.adapter.peft;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.SafetensorsFile;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import io.tandem.kernels.weights.TensorEntry;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/**
 * Single weights as PEFT saves those of its method SHiRA: values {@code [n]}, and their rows and columns {@code [2, n]}. Beside
 * factors in other modules, which PEFT does not have, the type is {@link #WITH_FACTORS}, so that it loads no half of an adapter.
 */
final class SingleWeightFiles {
    static final String TYPE = "SHIRA";
    static final String WITH_FACTORS = "SPT";
    /** PEFT's name of rows and columns. */
    static final String INDICES = "shira_indices";

    private final ModelConfig model;
    private final SafetensorsFile file;

    SingleWeightFiles(ModelConfig model, SafetensorsFile file) {
        this.model = model;
        this.file = file;
    }

    /** Whether a module has some. */
    boolean has(Site site) {
        return file.names().contains(values(site)) || file.names().contains(indices(site));
    }

    private static String values(Site site) {
        return PeftReader.tensor(site, SingleWeights.VALUES);
    }

    private static String indices(Site site) {
        return PeftReader.tensor(site, INDICES);
    }

    /** What is wrong with the shapes of a module's; empty if nothing is. */
    Optional<String> problem(Site site, int maxRank) {
        if (!file.names().contains(values(site)) || !file.names().contains(indices(site))) {
            return Optional.of(site + " has only one of " + SingleWeights.VALUES + " and " + INDICES);
        }
        TensorEntry values = file.entry(values(site));
        TensorEntry indices = file.entry(indices(site));
        long most =
                maxRank * ((long) site.module().inputs(model) + site.module().outputs(model));
        if (values.shape().length != 1 || values.shape()[0] < 1 || values.shape()[0] > most) {
            return Optional.of(site + "." + SingleWeights.VALUES + " is " + Arrays.toString(values.shape())
                    + ", expected 1 to " + most + " numbers, as many as factors of rank " + maxRank + " have");
        }
        if (!Arrays.equals(indices.shape(), new long[] {2, values.shape()[0]})) {
            return Optional.of(site + "." + INDICES + " is " + Arrays.toString(indices.shape()) + ", expected [2, "
                    + values.shape()[0] + "]");
        }
        if (!values.dtype().isFloating()) {
            return Optional.of(
                    site + "." + SingleWeights.VALUES + " is " + values.dtype() + ", expected F64, F32, F16 or BF16");
        }
        // PEFT writes floats on Windows.
        return indices.dtype() == StoredType.I32 || indices.dtype() == StoredType.F32
                ? Optional.empty()
                : Optional.of(site + "." + INDICES + " is " + indices.dtype() + ", expected I32 or F32");
    }

    /**
     * Of a module without a {@link #problem}.
     *
     * @param values as the file has them
     * @throws IllegalArgumentException if an index is none, or is there twice
     */
    SingleWeights read(Site site, float[] values) {
        int inputs = site.module().inputs(model);
        int outputs = site.module().outputs(model);
        int[] indices = integers(indices(site));
        long[] sorted = new long[values.length];
        for (int i = 0; i < values.length; i++) {
            int row = indices[i];
            int column = indices[values.length + i];
            if (row < 0 || row >= outputs || column < 0 || column >= inputs) {
                throw new IllegalArgumentException(site + "." + INDICES + " has " + row + ", " + column
                        + ", expected indices of [" + outputs + ", " + inputs + "]");
            }
            // By place, and where in the file that is.
            sorted[i] = ((long) row * inputs + column) << Integer.SIZE | i;
        }
        Arrays.sort(sorted);
        int[] places = new int[values.length];
        float[] ordered = new float[values.length];
        for (int i = 0; i < places.length; i++) {
            places[i] = (int) (sorted[i] >> Integer.SIZE);
            ordered[i] = values[(int) sorted[i]];
            if (i > 0 && places[i] == places[i - 1]) {
                throw new IllegalArgumentException(
                        site + "." + INDICES + " has " + places[i] / inputs + ", " + places[i] % inputs + " twice");
            }
        }
        return new SingleWeights(inputs, outputs, places, ordered);
    }

    private int[] integers(String name) {
        if (file.entry(name).dtype() == StoredType.F32) {
            float[] floats = file.floats(name);
            int[] integers = new int[floats.length];
            for (int i = 0; i < integers.length; i++) {
                // What is none is no index either.
                integers[i] = floats[i] == Math.rint(floats[i]) ? (int) floats[i] : -1;
            }
            return integers;
        }
        IntBuffer buffer = file.bytes(name).asIntBuffer();
        int[] integers = new int[buffer.remaining()];
        buffer.get(integers);
        return integers;
    }

    /** What a file has of a module. */
    static Map<String, Tensor> tensors(Site site, SingleWeights own) {
        int count = own.count();
        int[] indices = new int[2 * count];
        for (int i = 0; i < count; i++) {
            indices[i] = own.places()[i] / own.inputs();
            indices[count + i] = own.places()[i] % own.inputs();
        }
        return Map.of(
                values(site), new Tensor(StoredType.F32, new long[] {count}, own.values()),
                indices(site), new Tensor(StoredType.I32, new long[] {2, count}, () -> indices));
    }
}
