package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.decoder.DecoderScript.Arguments;
import java.util.List;

/** What {@link DecoderScript} tells the script of the model. */
interface ModelArguments {
    /**
     * The structure of a model.
     *
     * @param sizes layers, C, H, K, D, activation, experts, active, shared, joined heads
     * @param factors epsilon, norm shift, scale, cap, residual, logit factor, logit cap
     * @param windows of its layers, each once
     */
    record Structure(long[] sizes, double[] factors, long[] windows) implements Arguments {}

    /**
     * What a layer consists of.
     *
     * @param weights of all modules, in the order of the computation; none if those of another layer are used
     * @param biases the same, empty where there is none
     * @param parts how many modules each linear joins
     * @param router empty if there are no experts
     * @param norms weight and bias of each, in the order of {@code model.py}, empty where there is none
     * @param place its window, the window's number, that of its rotary table, and the layer whose weights it uses, -1 if it
     *     has its own
     * @param a of all modules what is low-rank in their own weights, {@code [rank, inputs]}; empty where nothing is
     * @param b the same, {@code [outputs, rank]}
     * @param columns the first of each module's outputs in its linear's
     */
    record LayerParts(
            List<PtNDArray> weights,
            List<PtNDArray> biases,
            long[] parts,
            PtNDArray router,
            List<PtNDArray> norms,
            long[] place,
            List<PtNDArray> a,
            List<PtNDArray> b,
            long[] columns)
            implements Arguments {}
}
