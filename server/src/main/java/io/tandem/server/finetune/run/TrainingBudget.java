package io.tandem.server.finetune.run;

import io.tandem.kernels.MemoryPlan;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Native memory that the open jobs take together. Activations are reserved once for all; the rest is each job's own. */
final class TrainingBudget {
    private final long bytes;
    private final Map<String, MemoryPlan> plans = new ConcurrentHashMap<>();

    /** @param bytes that training may take */
    TrainingBudget(long bytes) {
        this.bytes = bytes;
    }

    /**
     * Reserves what a job needs. A job that fits alone gets it once the others have left.
     *
     * @return whether there is room beside the other jobs
     */
    boolean reserve(String jobId, MemoryPlan plan) {
        plans.put(jobId, plan);
        boolean fits = plannedBytes() <= bytes || plans.size() == 1;
        if (!fits) {
            plans.remove(jobId);
        }
        return fits;
    }

    void release(String jobId) {
        plans.remove(jobId);
    }

    /** Bytes that are reserved now. */
    long plannedBytes() {
        Collection<MemoryPlan> open = plans.values();
        return open.stream().mapToLong(TrainingBudget::ownBytes).sum()
                + open.stream()
                        .mapToLong(plan -> plan.total() - ownBytes(plan))
                        .max()
                        .orElse(0);
    }

    private static long ownBytes(MemoryPlan plan) {
        return plan.bytes(MemoryPlan.Part.ADAPTER)
                + plan.bytes(MemoryPlan.Part.GRADIENTS)
                + plan.bytes(MemoryPlan.Part.OPTIMIZER);
    }
}
