package io.tandem.kernels.decoder;

import io.tandem.kernels.WeightForm;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.WeightNames;
import java.util.Arrays;
import java.util.Map;

/**
 * Weights that a quantized form keeps as they are: they are rounded by the form's rule, in plain Java. So what a device
 * computes with that form can be compared to a reference in double precision that has the same weights.
 */
final class QuantizedWeights {
    private QuantizedWeights() {}

    /** The model with all matrices on the form's grid. */
    static TinyModel of(TinyModel model, WeightForm form) {
        Map<String, long[]> shapes = WeightNames.expected(model.config());
        return model.withWeights((name, values) -> {
            long[] shape = shapes.get(name);
            if (shape == null || shape.length != 2) {
                return values;
            }
            return of(values, Math.toIntExact(shape[1]), form);
        });
    }

    /** A matrix of so many columns on the form's grid. */
    static float[] of(float[] values, int inputs, WeightForm form) {
        boolean grouped = form == WeightForm.INT4 && inputs % WeightForm.GROUP == 0;
        return grouped ? fourBits(values) : eightBits(values, inputs);
    }

    private static float[] eightBits(float[] values, int inputs) {
        float[] rounded = values.clone();
        for (int row = 0; row < values.length; row += inputs) {
            float largest = 0;
            for (int i = row; i < row + inputs; i++) {
                largest = Math.max(largest, Math.abs(values[i]));
            }
            float scale = TinyModel.rounded(largest / 127);
            for (int i = row; i < row + inputs; i++) {
                rounded[i] = scale * Math.max(-127, Math.min(127, Math.round(values[i] / scale)));
            }
        }
        return rounded;
    }

    private static float[] fourBits(float[] values) {
        float[] rounded = values.clone();
        for (int group = 0; group < values.length; group += WeightForm.GROUP) {
            float[] sorted = Arrays.copyOfRange(values, group, group + WeightForm.GROUP);
            Arrays.sort(sorted);
            // A scale of few bits and a zero that is a multiple of it are exact in bfloat16, and so are all 16 numbers.
            float step = (sorted[sorted.length - 1] - sorted[0]) / 15;
            float scale = (float) Math.scalb(1.0, Math.getExponent(step) + 1);
            float zero = scale * Math.round(sorted[0] / scale) + 8 * scale;
            for (int i = group; i < group + WeightForm.GROUP; i++) {
                int code = Math.max(0, Math.min(15, Math.round((values[i] - zero) / scale) + 8));
                rounded[i] = (code - 8) * scale + zero;
            }
            // The least and the largest code decide the scale when the weights are quantized again.
            rounded[group] = -8 * scale + zero;
            rounded[group + 1] = 7 * scale + zero;
        }
        return rounded;
    }
}
