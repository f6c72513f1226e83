package io.tandem.kernels;

/**
 * Native memory by owner.
 *
 * @param weightBytes the base model, packed copies included
 * @param kvCacheBytes reserved for keys and values of inference
 * @param adapterBytes adapter slots
 * @param trainingBytes training arena, gradients and optimizer states
 * @param liveTensors tensors alive now; constant between iterations
 */
public record MemoryReport(
        long weightBytes, long kvCacheBytes, long adapterBytes, long trainingBytes, long liveTensors) {}
