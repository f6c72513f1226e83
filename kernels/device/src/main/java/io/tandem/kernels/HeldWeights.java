package io.tandem.kernels;

import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.weights.HalfPrecision;

/** Frozen weights as a device with these limits has them, whose forms are precise: rounded to the types that they have there. */
public final class HeldWeights {
    private static final float LARGEST_FLOAT16 = 65504;

    private HeldWeights() {}

    /** @param files the weights as they are stored */
    public static BaseWeights of(BaseWeights files, KernelsConfig limits) {
        return site -> {
            float[] weight = files.of(site);
            for (int i = 0; i < weight.length; i++) {
                weight[i] = held(weight[i], limits);
            }
            return weight;
        };
    }

    private static float held(float stored, KernelsConfig limits) {
        float held = stored;
        if (limits.weights().roundsToFloat16()) {
            float clamped = Math.min(Math.max(stored, -LARGEST_FLOAT16), LARGEST_FLOAT16);
            held = HalfPrecision.fromFloat16(HalfPrecision.toFloat16(clamped));
        }
        return limits.dtype() == Dtype.BFLOAT16 ? HalfPrecision.fromBfloat16(HalfPrecision.toBfloat16(held)) : held;
    }
}
