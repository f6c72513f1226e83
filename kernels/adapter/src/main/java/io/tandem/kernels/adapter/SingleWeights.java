package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.List;
import java.util.Optional;

/**
 * Single weights of a linear that change, each by a number of its own: {@code y = (W + D) x + b}, where few numbers of D are not
 * zero (SPT, He et al., 2023; SHiRA, Bhardwaj et al., 2024).
 *
 * @param inputs columns of W
 * @param outputs rows of W
 * @param places of the weights in W, row by row, ascending: row times inputs plus column
 * @param values what each changes by
 */
public record SingleWeights(int inputs, int outputs, int[] places, float[] values) implements Change {
    /** PEFT's name of the values, as of its method SHiRA. */
    public static final String VALUES = "shira_weight";

    public SingleWeights {
        if (places.length != values.length || places.length == 0) {
            throw new IllegalArgumentException(values.length + " values for " + places.length + " single weights");
        }
        long numbers = (long) inputs * outputs;
        for (int i = 0; i < places.length; i++) {
            if (places[i] < 0 || places[i] >= numbers || (i > 0 && places[i] <= places[i - 1])) {
                throw new IllegalArgumentException("single weights at " + places[i] + " of [" + outputs + ", " + inputs
                        + "], expected ascending places in there");
            }
        }
    }

    /** How many there are. */
    public int count() {
        return places.length;
    }

    /** The inputs of all, then their outputs. */
    public long[] coordinates() {
        long[] coordinates = new long[2 * places.length];
        for (int i = 0; i < places.length; i++) {
            coordinates[i] = places[i] % inputs;
            coordinates[places.length + i] = places[i] / inputs;
        }
        return coordinates;
    }

    @Override
    public String form() {
        return "single weights";
    }

    @Override
    public Optional<LowRank> lowRank() {
        return Optional.empty();
    }

    @Override
    public List<Parameter> parameters() {
        return List.of(new Parameter(VALUES, values.length, 1, values));
    }

    @Override
    public SingleWeights with(List<float[]> other) {
        return new SingleWeights(inputs, outputs, places, other.get(0));
    }

    /** The values are float32 on any device. */
    @Override
    public void requireFinite(Dtype dtype) {
        for (float value : values) {
            if (!Float.isFinite(value)) {
                throw new IllegalArgumentException("has a single weight that is not a finite number");
            }
        }
    }

    /** The Frobenius norm of D. */
    @Override
    public double norm() {
        double squares = 0;
        for (float value : values) {
            squares += (double) value * value;
        }
        return Math.sqrt(squares);
    }
}
