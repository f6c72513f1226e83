package io.tandem.kernels.decoder;

import io.tandem.kernels.model.RopeScaling;
import io.tandem.kernels.model.Rotary;

/**
 * Cosines and sines of the rotary position embedding (Su et al., 2021) for every position, in the layout of
 * {@code ops/rotary.py}: both halves of a head's rotated channels side by side, the sine of the first half negated.
 *
 * @param cos {@code [positions, width]}
 * @param sin {@code [positions, width]}
 */
record RopeTable(float[] cos, float[] sin) {

    /** @param positions the longest context, which decides where scaling depends on it */
    static RopeTable of(Rotary rotary, int positions) {
        int width = rotary.width();
        int half = width / 2;
        double[] frequencies = frequencies(rotary, positions);
        double factor = attention(rotary);
        float[] cos = new float[positions * width];
        float[] sin = new float[positions * width];
        for (int position = 0; position < positions; position++) {
            for (int i = 0; i < half; i++) {
                double angle = position * frequencies[i];
                int first = position * width + i;
                cos[first] = (float) (factor * Math.cos(angle));
                cos[first + half] = cos[first];
                sin[first + half] = (float) (factor * Math.sin(angle));
                sin[first] = -sin[first + half];
            }
        }
        return new RopeTable(cos, sin);
    }

    private static double attention(Rotary rotary) {
        RopeScaling scaling = rotary.scaling().orElse(null);
        if (scaling instanceof RopeScaling.Yarn yarn) {
            return yarn.attention();
        }
        return scaling instanceof RopeScaling.LongRope longRope ? longRope.attention() : 1;
    }

    private static double[] frequencies(Rotary rotary, int positions) {
        int width = rotary.width();
        double theta = rotary.theta();
        RopeScaling scaling = rotary.scaling().orElse(null);
        if (scaling instanceof RopeScaling.Dynamic dynamic && positions > dynamic.originalMaxPositions()) {
            double longer = dynamic.factor() * positions / dynamic.originalMaxPositions() - (dynamic.factor() - 1);
            theta *= Math.pow(longer, width / (width - 2.0));
        }
        double[] frequencies = new double[width / 2];
        for (int i = 0; i < frequencies.length; i++) {
            double plain = Math.pow(theta, -2.0 * i / width);
            frequencies[i] = scaling == null ? plain : scale(plain, i, rotary, scaling, positions);
        }
        return frequencies;
    }

    private static double scale(double frequency, int i, Rotary rotary, RopeScaling scaling, int positions) {
        if (scaling instanceof RopeScaling.Linear linear) {
            return frequency / linear.factor();
        }
        if (scaling instanceof RopeScaling.Llama3 llama3) {
            double turns = llama3.originalMaxPositions() * frequency / (2 * Math.PI);
            double low = llama3.lowFrequencyFactor();
            return blend(frequency, llama3.factor(), (turns - low) / (llama3.highFrequencyFactor() - low));
        }
        if (scaling instanceof RopeScaling.Yarn yarn) {
            double first = index(yarn.fast(), rotary, yarn);
            double last = index(yarn.slow(), rotary, yarn);
            first = Math.max(0, yarn.truncate() ? Math.floor(first) : first);
            last = Math.min(rotary.width() - 1.0, yarn.truncate() ? Math.ceil(last) : last);
            return blend(frequency, yarn.factor(), 1 - (i - first) / (last == first ? 0.001 : last - first));
        }
        if (scaling instanceof RopeScaling.LongRope longRope) {
            boolean beyond = positions > longRope.originalMaxPositions();
            return frequency / (beyond ? longRope.longFactors() : longRope.shortFactors()).get(i);
        }
        return frequency;
    }

    /** Kept as far as the share says, which is cut to 0 and 1, and otherwise divided by the factor. */
    private static double blend(double frequency, double factor, double share) {
        double kept = Math.max(0, Math.min(1, share));
        return (1 - kept) * frequency / factor + kept * frequency;
    }

    /** Where among the frequencies the one would be that makes so many turns within the original context. */
    private static double index(double turns, Rotary rotary, RopeScaling.Yarn yarn) {
        double base = yarn.originalMaxPositions() / (turns * 2 * Math.PI);
        return rotary.width() * Math.log(base) / (2 * Math.log(rotary.theta()));
    }
}
