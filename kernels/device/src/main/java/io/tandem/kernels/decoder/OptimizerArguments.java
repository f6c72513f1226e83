package io.tandem.kernels.decoder;

import io.tandem.kernels.decoder.DecoderScript.Arguments;

/** What {@link DecoderScript} tells the script of an optimizer. */
interface OptimizerArguments {
    /** The method's name and its constants: beta1, beta2, epsilon, weight decay. */
    record Rule(String method, double[] settings) implements Arguments {}

    /** As in {@code optimizer.new}. */
    record Regions(long[] places, double[] rates, long[] sizes) implements Arguments {}

    /** Banks or regions, the last one exclusive. */
    record Range(int first, int last) implements Arguments {}
}
