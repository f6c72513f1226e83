package io.tandem.scheduler.slo;

import io.tandem.scheduler.SchedulerConfig.Targets;

/** Whether a request got what the targets promise. */
public enum Attainment {
    MET,
    /** The first token came late, or not at all although it was due. */
    TTFT_MISSED,
    /** The others came too slowly. */
    TPOT_MISSED,
    BOTH_MISSED,
    /** The device failed. */
    FAILED,
    /** The client left before the first token was due; such requests count neither way. */
    UNDECIDED;

    /**
     * @param ttftNanos from arrival to the first token
     * @param tpotNanos mean time per token after the first; 0 if there was one token only
     */
    public static Attainment of(Targets targets, long ttftNanos, long tpotNanos) {
        boolean first = ttftNanos <= targets.ttftNanos();
        boolean others = tpotNanos <= targets.tpotNanos();
        return first ? (others ? MET : TPOT_MISSED) : (others ? TTFT_MISSED : BOTH_MISSED);
    }
}
