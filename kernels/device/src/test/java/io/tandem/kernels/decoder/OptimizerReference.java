package io.tandem.kernels.decoder;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/** Every optimizer in double precision, number by number; the moments in 8 bits are rounded block by block. */
final class OptimizerReference {
    private static final double CANCELLED = 1e-6;
    private static final int MIN_QUANTIZED = 1024;

    private final BitSet undecided = new BitSet();
    private final OptimizerConfig config;
    private final List<Factor> factors;
    private final double[] weights;
    private final double[] first;
    private final double[] second;
    private final List<BlockQuantization> maps = List.of(new BlockQuantization(true), new BlockQuantization(false));
    private int steps;

    /** @param factors that the weights consist of, one after the other */
    OptimizerReference(OptimizerConfig config, List<Factor> factors, double[] weights) {
        this.config = config;
        this.factors = List.copyOf(factors);
        this.weights = weights.clone();
        this.first = new double[weights.length];
        this.second = new double[weights.length];
    }

    /** Returns the norm of the scaled gradient. */
    double step(double[] gradient, double learningRate, double scale) {
        double norm = scale * Math.sqrt(Arrays.stream(gradient).map(g -> g * g).sum());
        double limit = config.maxGradientNorm();
        double clip = limit > 0 && norm > limit ? limit / norm : 1;
        steps++;
        int start = 0;
        for (Factor factor : factors) {
            int end = start + factor.length();
            double rate = learningRate * config.rate(factor.name());
            for (int i = start; i < end; i++) {
                update(i, gradient[i] * scale * clip, rate);
            }
            if (quantized(factor)) {
                maps.get(0).round(first, start, end);
                maps.get(1).round(second, start, end);
            }
            start = end;
        }
        return norm;
    }

    private boolean quantized(Factor factor) {
        return config.method() == Method.ADAMW_8BIT && factor.length() >= MIN_QUANTIZED;
    }

    private void update(int i, double g, double rate) {
        double kept = 1 - rate * config.weightDecay();
        switch (config.method()) {
            case ADAMW -> weights[i] = weights[i] * kept - rate * adam(i, g);
            case ADAMW_8BIT -> weights[i] = (weights[i] - rate * adam(i, g)) * kept;
            case SGD -> {
                first[i] = config.beta1() * first[i] + g;
                weights[i] = weights[i] * kept - rate * first[i];
            }
            case LION -> {
                double old = config.beta1() * first[i];
                double fresh = (1 - config.beta1()) * g;
                double direction = Math.signum(old + fresh);
                // In float32 a sum that cancels may fall on either side of zero.
                if (Math.abs(old + fresh) <= CANCELLED * (Math.abs(old) + Math.abs(fresh))) {
                    undecided.set(i);
                }
                weights[i] = weights[i] * kept - rate * direction;
                first[i] = config.beta2() * first[i] + (1 - config.beta2()) * g;
            }
        }
    }

    private double adam(int i, double g) {
        first[i] = config.beta1() * first[i] + (1 - config.beta1()) * g;
        second[i] = config.beta2() * second[i] + (1 - config.beta2()) * g * g;
        double m = first[i] / (1 - Math.pow(config.beta1(), steps));
        double v = second[i] / (1 - Math.pow(config.beta2(), steps));
        return m / (Math.sqrt(v) + config.epsilon());
    }

    /** Weights that Lion moved in a direction that rounding decides, in any step so far. */
    BitSet undecided() {
        return undecided;
    }

    double[] weights() {
        return weights.clone();
    }

    /** Codes of the moments of all quantized factors: the first's, then the second's. */
    List<byte[]> codes() {
        List<byte[]> codes = new ArrayList<>();
        for (BlockQuantization map : maps) {
            double[] moment = codes.isEmpty() ? first : second;
            int quantized = factors.stream()
                    .filter(this::quantized)
                    .mapToInt(Factor::length)
                    .sum();
            byte[] all = new byte[quantized];
            int start = 0;
            int at = 0;
            for (Factor factor : factors) {
                int end = start + factor.length();
                if (quantized(factor)) {
                    System.arraycopy(map.codes(moment, start, end), 0, all, at, factor.length());
                    at += factor.length();
                }
                start = end;
            }
            codes.add(all);
        }
        return codes;
    }
}
