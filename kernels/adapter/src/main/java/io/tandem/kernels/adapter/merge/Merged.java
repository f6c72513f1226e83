package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.Adapter;

/**
 * The result of a merge.
 *
 * @param adapter all scalings are folded in, so that PEFT reads it with {@code lora_alpha = r}
 * @param report what was lost
 */
public record Merged(Adapter adapter, MergeReport report) {}
