package io.tandem.scheduler.loop;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.KernelException;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.kv.KvSlotAllocator;
import io.tandem.scheduler.kv.KvSlotAllocator.Prefix;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies keys and values that another slot has of a prompt, instead of running its tokens again: the slot of a sequence
 * that runs too, or one that remembers a sequence that ended. It happens between iterations, when exactly the computed
 * tokens of each sequence are in its slot, so a prompt follows another one's prefill iteration by iteration.
 */
final class PrefixCopies {
    private static final Logger LOG = LoggerFactory.getLogger(PrefixCopies.class);

    private final DeviceModel device;
    private final KvSlotAllocator kv;
    private long copied;

    PrefixCopies(DeviceModel device, KvSlotAllocator kv) {
        this.device = device;
        this.kv = kv;
    }

    /**
     * Copies what it can for one prompt.
     *
     * @param running all sequences with a slot
     */
    void copy(Sequence prompt, List<Sequence> running) {
        if (prompt.pending() <= Sequence.LEAST_SHARED || prompt.scoring()) {
            return;
        }
        Prefix best = kv.longestPrefix(prompt.tokens(), prompt.prefixKey());
        for (Sequence other : running) {
            if (other != prompt && other.computed() > best.tokens()) {
                int shared = Math.min(other.computed(), prompt.shared(other));
                best = shared > best.tokens() ? new Prefix(other.kvSlot(), shared) : best;
            }
        }
        int end = prompt.reusable(Math.min(best.tokens(), prompt.length() - 1));
        int more = end - prompt.computed();
        if (more < Sequence.LEAST_SHARED) {
            return;
        }
        try {
            device.copyCache(best.slot(), prompt.kvSlot(), prompt.computed(), end);
        } catch (KernelException e) {
            LOG.error(
                    "the device failed to copy keys and values for request {}",
                    prompt.request().id(),
                    e);
            return;
        }
        prompt.reuse(more);
        copied += more;
    }

    /** Tokens whose keys and values were copied since the last call. */
    int take() {
        int count = Math.toIntExact(copied);
        copied = 0;
        return count;
    }
}
