package io.tandem.kernels.model;

import java.util.List;

/** How a model changes the rotary frequencies for longer contexts: HuggingFace's {@code rope_scaling}. */
public sealed interface RopeScaling {
    /** All frequencies divided by {@code factor}. */
    record Linear(double factor) implements RopeScaling {}

    /**
     * A larger base once the context exceeds what the model was trained on. transformers derives it from the length of
     * each sequence; sequences here share tables and cached keys, so the longest context that is served decides.
     */
    record Dynamic(double factor, int originalMaxPositions) implements RopeScaling {}

    /** Llama 3.1: long wavelengths divided by {@code factor}, short ones kept, blended between. */
    record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalMaxPositions)
            implements RopeScaling {}

    /**
     * YaRN (Peng et al., 2023): like {@link Llama3}, blended over the index of the frequency.
     *
     * @param fast turns within the original context above which a frequency is kept
     * @param slow turns below which it is divided by {@code factor}
     * @param attention factor on queries and keys
     * @param truncate whether the ends of the blend are rounded outwards to whole indices
     */
    record Yarn(double factor, int originalMaxPositions, double fast, double slow, double attention, boolean truncate)
            implements RopeScaling {}

    /**
     * LongRoPE (Ding et al., 2024): each frequency divided by a factor of its own, of which there are two sets. As with
     * {@link Dynamic}, the longest context that is served decides which.
     *
     * @param shortFactors up to {@code originalMaxPositions}
     * @param longFactors beyond
     * @param attention factor on queries and keys, for both
     */
    record LongRope(List<Double> shortFactors, List<Double> longFactors, int originalMaxPositions, double attention)
            implements RopeScaling {
        public LongRope {
            shortFactors = List.copyOf(shortFactors);
            longFactors = List.copyOf(longFactors);
        }
    }
}
