package io.tandem.scheduler.slo;

import java.util.Map;

/**
 * What the latency model believes at a moment.
 *
 * @param meanRelativeError running mean of its predictions' relative error
 * @param secondsPerUnit estimated cost of each kind
 */
public record LatencyReport(double meanRelativeError, Map<CostKind, Double> secondsPerUnit) {
    public LatencyReport {
        secondsPerUnit = Map.copyOf(secondsPerUnit);
    }
}
