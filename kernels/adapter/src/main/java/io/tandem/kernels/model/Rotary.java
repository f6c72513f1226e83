package io.tandem.kernels.model;

import java.util.Optional;

/**
 * A rotary position embedding.
 *
 * @param theta base of the frequencies
 * @param width channels at the beginning of each head that are rotated; even
 * @param scaling changed frequencies for longer contexts, if any
 */
public record Rotary(double theta, int width, Optional<RopeScaling> scaling) {}
