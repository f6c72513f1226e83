package io.tandem.kernels.model;

/**
 * What differs between the attention of layers.
 *
 * @param window latest positions that a token attends to, itself included; 0 for all of them
 * @param rotary which of the model's rotary embeddings it uses
 */
public record LayerAttention(int window, int rotary) {}
