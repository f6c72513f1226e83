package io.tandem.kernels.decoder;

import io.tandem.kernels.OptimizerConfig;
import java.util.Arrays;

/** AdamW (Loshchilov and Hutter, 2019, algorithm 2) in double precision. */
final class AdamWReference {
    private final OptimizerConfig config;
    private final double[] weights;
    private final double[] first;
    private final double[] second;
    private int steps;

    AdamWReference(OptimizerConfig config, double[] weights) {
        this.config = config;
        this.weights = weights.clone();
        this.first = new double[weights.length];
        this.second = new double[weights.length];
    }

    /** Returns the norm of the scaled gradient. */
    double step(double[] gradient, double learningRate, double scale) {
        double norm = scale * Math.sqrt(Arrays.stream(gradient).map(g -> g * g).sum());
        double clip = norm > config.maxGradientNorm() ? config.maxGradientNorm() / norm : 1;
        steps++;
        for (int i = 0; i < weights.length; i++) {
            double g = gradient[i] * scale * clip;
            first[i] = config.beta1() * first[i] + (1 - config.beta1()) * g;
            second[i] = config.beta2() * second[i] + (1 - config.beta2()) * g * g;
            double m = first[i] / (1 - Math.pow(config.beta1(), steps));
            double v = second[i] / (1 - Math.pow(config.beta2(), steps));
            weights[i] -= learningRate * (m / (Math.sqrt(v) + config.epsilon()) + config.weightDecay() * weights[i]);
        }
        return norm;
    }

    double[] weights() {
        return weights.clone();
    }
}
