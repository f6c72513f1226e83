package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.device.Assumed;
import io.tandem.kernels.model.ModelConfig;
import java.util.ArrayList;
import java.util.List;

/**
 * How lanes share an iteration that trains nothing. Each lane reads all weights, where threads that share every operation
 * read them once; so lanes need rows enough to make up for it.
 *
 * @param leastRows of an iteration with lanes
 * @param threads of an operation in an iteration without
 */
record InferenceLanes(int lanes, int leastRows, int threads) {
    static InferenceLanes of(ModelConfig model, KernelsConfig limits) {
        long weights = MemoryPlan.serving(model, limits).bytes(MemoryPlan.Part.WEIGHTS);
        if (limits.lanes() > 1 && weights <= Assumed.CACHED_WEIGHT_BYTES) {
            return new InferenceLanes(limits.lanes(), 2, 1);
        }
        long perRow = limits.weights().many().isQuantized()
                ? Assumed.LANE_QUANTIZED_WEIGHT_BYTES_PER_ROW
                : Assumed.LANE_WEIGHT_BYTES_PER_ROW;
        int leastRows = Math.toIntExact(weights / perRow + 1);
        return new InferenceLanes(limits.lanes(), leastRows, limits.threads());
    }

    /** @param next the lanes of the pack, which stay where they are */
    PackLanes.Split split(List<Segment> segments, PackLanes next) {
        if (lanes == 1 || SegmentShares.rows(segments, SegmentShares.all(segments)) < leastRows) {
            return PackLanes.Split.whole(segments, next);
        }
        List<List<Integer>> shares = SegmentShares.of(segments, lanes);
        double[] loads = shares.stream()
                .mapToDouble(own -> SegmentShares.rows(segments, own))
                .toArray();
        if (!SegmentShares.isEven(loads)) {
            return PackLanes.Split.whole(segments, next);
        }
        List<PackLanes.Part> parts = new ArrayList<>();
        for (List<Integer> own : shares) {
            if (!own.isEmpty()) {
                List<Segment> served = SegmentShares.pick(segments, own);
                parts.add(new PackLanes.Part(parts.size(), served, own, PackWindows.NONE));
            }
        }
        return new PackLanes.Split(parts, true, next);
    }
}
