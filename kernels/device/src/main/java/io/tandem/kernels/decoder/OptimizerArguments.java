package io.tandem.kernels.decoder;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.decoder.DecoderScript.Arguments;
import io.tandem.kernels.tensor.TensorScope;

/** What {@link DecoderScript} tells the script of an optimizer. */
interface OptimizerArguments {
    /** The method's name and its constants: beta1, beta2, epsilon, weight decay. */
    record Rule(String method, double[] settings) implements Arguments {}

    /** As in {@code optimizer.new}. */
    record Regions(long[] places, double[] rates, long[] sizes) implements Arguments {}

    /** Banks or regions, the last one exclusive. */
    record Range(int first, int last) implements Arguments {
        /** In the script's order. */
        IValue[] values(TensorScope call) {
            return new IValue[] {call.number(first), call.number(last)};
        }
    }
}
