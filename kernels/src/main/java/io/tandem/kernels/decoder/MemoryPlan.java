package io.tandem.kernels.decoder;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.MemoryReport;
import io.tandem.kernels.ModelConfig;
import java.util.Collection;

/** Bytes of what the decoder reserves, from the shapes. */
final class MemoryPlan {
    private MemoryPlan() {}

    static MemoryReport report(
            ModelConfig model, KernelsConfig limits, boolean arena, Collection<Trainee> trainees, long liveValues) {
        long element = limits.dtype().bytes();
        long layerWeights = (long) model.hidden() * model.qkvRows()
                + (long) model.hidden() * model.heads() * model.headDim()
                + 3L * model.hidden() * model.ffn();
        long embedding = (long) model.vocab() * model.hidden();
        boolean training = arena;
        long linears = model.layers() * layerWeights + embedding;
        long weightBytes = element * (linears * (training ? 2 : 1) + embedding);
        long kvWidth = (long) model.kvHeads() * model.headDim();
        long kvBytes = 2 * element * model.layers() * limits.kvSlots() * limits.contextTokens() * kvWidth;
        long perRank = 0;
        AdapterLayout layout = new AdapterLayout(model);
        for (int bank = 0; bank < layout.banks(); bank++) {
            int parts = AdapterLayout.LINEARS
                    .get(bank % AdapterLayout.LINEARS.size())
                    .size();
            perRank += (long) parts * (layout.inputs(bank) + layout.outputs(bank));
        }
        long adapterBytes = element * limits.adapterSlots() * limits.maxRank() * perRank;
        long trainingBytes = arena ? limits.packTokens() * arenaBytesPerToken(model, limits) : 0L;
        for (Trainee trainee : trainees) {
            long weightsAndGradients = 2 * Float.BYTES * trainee.parameters();
            trainingBytes += weightsAndGradients + trainee.optimizer().stateBytes();
        }
        return new MemoryReport(weightBytes, kvBytes, adapterBytes, trainingBytes, liveValues);
    }

    private static long arenaBytesPerToken(ModelConfig model, KernelsConfig limits) {
        long kvWidth = (long) model.kvHeads() * model.headDim();
        long queries = (long) model.heads() * model.headDim();
        long perLayer = 2L * model.hidden() + 2 * queries + 2 * kvWidth + 2L * model.ffn();
        long wide = model.hidden() + 2 * kvWidth + 2L * model.headDim();
        return (long) limits.dtype().bytes() * model.layers() * perLayer + Float.BYTES * wide;
    }
}
