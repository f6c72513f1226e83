package io.tandem.kernels.reference;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.RopeScaling;

/**
 * Rotary positions (Su et al., 2021) as HuggingFace arranges them: channel j turns with channel j + d/2, not with its
 * neighbour.
 */
final class ReferenceRotary {
    private final double[] frequencies;

    ReferenceRotary(ModelConfig model) {
        frequencies = new double[model.headDim() / 2];
        for (int j = 0; j < frequencies.length; j++) {
            double plain = Math.pow(model.rotaries().get(0).theta(), -2.0 * j / model.headDim());
            frequencies[j] = model.rotaries()
                    .get(0)
                    .scaling()
                    .map(scaling -> scaled(plain, scaling))
                    .orElse(plain);
        }
    }

    private static double scaled(double frequency, RopeScaling scaling) {
        if (scaling instanceof RopeScaling.Linear linear) {
            return frequency / linear.factor();
        }
        RopeScaling.Llama3 llama3 = (RopeScaling.Llama3) scaling;
        double turns = llama3.originalMaxPositions() * frequency / (2 * Math.PI);
        if (turns < llama3.lowFrequencyFactor()) {
            return frequency / llama3.factor();
        }
        if (turns > llama3.highFrequencyFactor()) {
            return frequency;
        }
        double share =
                (turns - llama3.lowFrequencyFactor()) / (llama3.highFrequencyFactor() - llama3.lowFrequencyFactor());
        return (1 - share) * frequency / llama3.factor() + share * frequency;
    }

    /** Angle per position of the pair (j, j + d/2). */
    double frequency(int j) {
        return frequencies[j];
    }

    /** One head at a position. */
    double[] rotate(double[] x, int position) {
        int half = frequencies.length;
        double[] y = new double[x.length];
        for (int j = 0; j < half; j++) {
            double cos = Math.cos(position * frequencies[j]);
            double sin = Math.sin(position * frequencies[j]);
            y[j] = x[j] * cos - x[j + half] * sin;
            y[j + half] = x[j + half] * cos + x[j] * sin;
        }
        return y;
    }
}
