package io.tandem.kernels.decoder;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.ModelConfig.RopeScaling;

/**
 * Cosines and sines of the rotary position embedding (Su et al., 2021) for every position, in the layout of
 * {@code ops/rotary.py}: both halves of a head side by side, the sine of the first half negated.
 *
 * @param cos {@code [positions, headDim]}
 * @param sin {@code [positions, headDim]}
 */
record RopeTable(float[] cos, float[] sin) {

    static RopeTable of(ModelConfig model, int positions) {
        int half = model.headDim() / 2;
        double[] frequencies = frequencies(model);
        float[] cos = new float[positions * model.headDim()];
        float[] sin = new float[positions * model.headDim()];
        for (int position = 0; position < positions; position++) {
            for (int i = 0; i < half; i++) {
                double angle = position * frequencies[i];
                int first = position * model.headDim() + i;
                cos[first] = (float) Math.cos(angle);
                cos[first + half] = cos[first];
                sin[first + half] = (float) Math.sin(angle);
                sin[first] = -sin[first + half];
            }
        }
        return new RopeTable(cos, sin);
    }

    private static double[] frequencies(ModelConfig model) {
        double[] frequencies = new double[model.headDim() / 2];
        for (int i = 0; i < frequencies.length; i++) {
            double plain = Math.pow(model.ropeTheta(), -2.0 * i / model.headDim());
            frequencies[i] =
                    model.ropeScaling().map(scaling -> scale(plain, scaling)).orElse(plain);
        }
        return frequencies;
    }

    private static double scale(double frequency, RopeScaling scaling) {
        if (scaling instanceof RopeScaling.Linear linear) {
            return frequency / linear.factor();
        }
        RopeScaling.Llama3 llama3 = (RopeScaling.Llama3) scaling;
        double turns = llama3.originalMaxPositions() * frequency / (2 * Math.PI);
        double smooth =
                (turns - llama3.lowFrequencyFactor()) / (llama3.highFrequencyFactor() - llama3.lowFrequencyFactor());
        double kept = Math.max(0, Math.min(1, smooth));
        return (1 - kept) * frequency / llama3.factor() + kept * frequency;
    }
}
