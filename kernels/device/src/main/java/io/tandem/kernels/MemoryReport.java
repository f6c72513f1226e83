package io.tandem.kernels;

import io.tandem.kernels.MemoryPlan.Owner;

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
        long weightBytes, long kvCacheBytes, long adapterBytes, long trainingBytes, long liveTensors) {

    /** What is reserved according to the plan. */
    public static MemoryReport of(MemoryPlan plan, long liveTensors) {
        return new MemoryReport(
                plan.total(Owner.WEIGHTS),
                plan.total(Owner.KV_CACHE),
                plan.total(Owner.ADAPTERS),
                plan.total(Owner.TRAINING),
                liveTensors);
    }
}
