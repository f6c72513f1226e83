package io.tandem.scheduler.loop;

import io.tandem.scheduler.adapter.SlotResidency;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.kv.KvSlotAllocator;
import io.tandem.scheduler.kv.KvSlotAllocator.Lease;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** Sequences that wait and sequences that run, and what the running ones hold. */
final class InferenceQueue {
    /** A request whose adapter finds no slot lets so many later ones pass before it stops them all. */
    private static final int MAX_BYPASSES = 64;

    private final KvSlotAllocator kv;
    private final SlotResidency adapters;
    private final Deque<Sequence> waiting = new ArrayDeque<>();
    private final List<Sequence> running = new ArrayList<>();
    private int preemptions;

    InferenceQueue(KvSlotAllocator kv, SlotResidency adapters) {
        this.kv = kv;
        this.adapters = adapters;
    }

    void add(Sequence sequence) {
        waiting.addLast(sequence);
    }

    /** In the order of admission. */
    List<Sequence> running() {
        return running;
    }

    int waitingCount() {
        return waiting.size();
    }

    /** Since the last call. */
    int takePreemptions() {
        int count = preemptions;
        preemptions = 0;
        return count;
    }

    /** Ends what was cancelled, gives every decoding sequence room for its token, and admits who fits. */
    void prepare() {
        endIf(Sequence::cancelled, FinishReason.CANCELLED, "");
        for (int i = 0; i < running.size(); i++) {
            Sequence sequence = running.get(i);
            while (sequence.running() && !kv.grow(sequence.kvSlot(), sequence.computed() + sequence.pending())) {
                preempt(running.get(running.size() - 1));
            }
        }
        admit();
    }

    /** The youngest loses its slots and will run again from its beginning. */
    private void preempt(Sequence sequence) {
        running.remove(sequence);
        giveBack(sequence);
        sequence.suspend();
        waiting.addFirst(sequence);
        preemptions++;
    }

    private void admit() {
        List<Sequence> blocked = new ArrayList<>();
        for (Iterator<Sequence> it = waiting.iterator(); it.hasNext(); ) {
            Sequence sequence = it.next();
            Optional<int[]> adapterSlots;
            try {
                adapterSlots = adapters.acquire(sequence.request().adapters());
            } catch (IllegalArgumentException e) {
                it.remove();
                sequence.finish(FinishReason.FAILED, String.valueOf(e.getMessage()));
                continue;
            }
            if (adapterSlots.isEmpty()) {
                blocked.add(sequence);
                continue;
            }
            Optional<Lease> lease = kv.lease(sequence.tokens(), sequence.versions());
            if (lease.isEmpty()) {
                adapters.release(adapterSlots.get());
                return;
            }
            it.remove();
            sequence.admit(lease.get().slot(), lease.get().cachedTokens(), adapterSlots.get());
            running.add(sequence);
            if (blocked.stream().anyMatch(other -> other.bypass() > MAX_BYPASSES)) {
                return;
            }
        }
    }

    /** Ends a running sequence; its tokens stay in the slot for those who come with the same beginning. */
    void end(Sequence sequence, FinishReason reason, String message) {
        running.remove(sequence);
        giveBack(sequence);
        sequence.suspend();
        sequence.finish(reason, message);
    }

    /** Ends a running sequence whose keys and values are not to be trusted. */
    void fail(Sequence sequence, String message) {
        running.remove(sequence);
        kv.discard(sequence.kvSlot());
        adapters.release(sequence.adapterSlots());
        sequence.suspend();
        sequence.finish(FinishReason.FAILED, message);
    }

    void endIf(Predicate<Sequence> condition, FinishReason reason, String message) {
        for (Sequence sequence : List.copyOf(running)) {
            if (condition.test(sequence)) {
                end(sequence, reason, message);
            }
        }
        for (Iterator<Sequence> it = waiting.iterator(); it.hasNext(); ) {
            Sequence sequence = it.next();
            if (condition.test(sequence)) {
                it.remove();
                sequence.finish(reason, message);
            }
        }
    }

    void cancel(long requestId) {
        running.stream().filter(s -> s.request().id() == requestId).forEach(Sequence::cancel);
        waiting.stream().filter(s -> s.request().id() == requestId).forEach(Sequence::cancel);
    }

    private void giveBack(Sequence sequence) {
        kv.release(sequence.kvSlot(), sequence.computedTokens(), sequence.versions());
        adapters.release(sequence.adapterSlots());
    }
}
