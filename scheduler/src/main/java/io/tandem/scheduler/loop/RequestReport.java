package io.tandem.scheduler.loop;

import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.slo.Attainment;

/**
 * How a request fared.
 *
 * @param caller who asked
 * @param reason how it ended
 * @param attainment whether it got what the targets promise
 * @param promptTokens of its prompt
 * @param cachedTokens of those, how many an earlier request had left in the cache
 * @param tokens that were delivered
 * @param queueNanos from its arrival to the beginning of its first iteration, or to its end if there was none
 * @param ttftNanos from its arrival to its first token, or to its end if it got none
 * @param tpotNanos mean time per token after the first; 0 if there was none
 * @param wholeNanos from its arrival to its end
 */
public record RequestReport(
        String caller,
        FinishReason reason,
        Attainment attainment,
        int promptTokens,
        int cachedTokens,
        int tokens,
        long queueNanos,
        long ttftNanos,
        long tpotNanos,
        long wholeNanos) {

    /** Of a request that has ended. */
    static RequestReport of(Sequence sequence, FinishReason reason, Targets targets, long nowNanos) {
        int tokens = sequence.generated();
        long ttft = (tokens > 0 ? sequence.timeline().firstToken() : nowNanos)
                - sequence.timeline().arrival();
        long tpot = tokens > 1
                ? (sequence.timeline().lastEvent() - sequence.timeline().firstToken()) / (tokens - 1)
                : 0;
        return new RequestReport(
                sequence.request().caller(),
                reason,
                attainment(reason, tokens, targets, ttft, tpot),
                sequence.request().prompt().length,
                sequence.cachedPromptTokens(),
                tokens,
                sequence.timeline().queued(nowNanos),
                ttft,
                tpot,
                nowNanos - sequence.timeline().arrival());
    }

    /** Clients that leave, and stop texts that the server finds, cancel a request that went well until then. */
    private static Attainment attainment(FinishReason reason, int tokens, Targets targets, long ttft, long tpot) {
        if (reason == FinishReason.FAILED
                || reason == FinishReason.SHUT_DOWN
                || reason == FinishReason.BROKEN_ADAPTER
                || reason == FinishReason.BROKEN_CONSTRAINT) {
            return Attainment.FAILED;
        }
        boolean undecided = reason == FinishReason.CANCELLED && tokens == 0 && ttft <= targets.ttftNanos();
        return undecided ? Attainment.UNDECIDED : Attainment.of(targets, ttft, tpot);
    }
}
