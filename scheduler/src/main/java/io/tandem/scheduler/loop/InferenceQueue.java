package io.tandem.scheduler.loop;

import io.tandem.scheduler.adapter.SlotResidency;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.kv.KvSlotAllocator;
import io.tandem.scheduler.kv.KvSlotAllocator.Lease;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Sequences that wait and sequences that run, and what the running ones hold. Those that were preempted come back
 * before any other is admitted: their answers have begun.
 */
final class InferenceQueue {
    /** A request whose adapter finds no slot lets so many later ones pass before it stops them all. */
    private static final int MAX_BYPASSES = 64;

    private final KvSlotAllocator kv;
    private final SlotResidency adapters;
    private final BiConsumer<Sequence, FinishReason> ended;
    private final Deque<Sequence> preempted = new ArrayDeque<>();
    private final FairQueue waiting = new FairQueue();
    private final List<Sequence> running = new ArrayList<>();
    private int preemptions;

    /** @param ended hears of every request that ends, right after its receiver */
    InferenceQueue(KvSlotAllocator kv, SlotResidency adapters, BiConsumer<Sequence, FinishReason> ended) {
        this.kv = kv;
        this.adapters = adapters;
        this.ended = ended;
    }

    void add(Sequence sequence) {
        waiting.add(sequence);
    }

    /** A running sequence got a token. */
    void served(Sequence sequence) {
        waiting.served(sequence);
    }

    /** A caller's job trained. */
    void trained(String caller, double tokens) {
        waiting.trained(caller, tokens);
    }

    /** In the order of admission. */
    List<Sequence> running() {
        return running;
    }

    int waitingCount() {
        return preempted.size() + waiting.size();
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
        preempted.addFirst(sequence);
        preemptions++;
    }

    private void admit() {
        Set<Sequence> blocked = new LinkedHashSet<>();
        Optional<Sequence> next = next(blocked);
        while (next.isPresent()) {
            Sequence sequence = next.get();
            Optional<int[]> slots = adapterSlots(sequence, blocked);
            if (slots.isPresent()) {
                Optional<Lease> lease = kv.lease(sequence.tokens(), sequence.versions());
                if (lease.isEmpty()) {
                    adapters.release(slots.get());
                    return;
                }
                admit(sequence, lease.get(), slots.get());
                if (blocked.stream().anyMatch(other -> other.bypass() > MAX_BYPASSES)) {
                    return;
                }
            }
            next = next(blocked);
        }
    }

    private Optional<Sequence> next(Set<Sequence> blocked) {
        return preempted.stream()
                .filter(sequence -> !blocked.contains(sequence))
                .findFirst()
                .or(() -> waiting.next(blocked));
    }

    /** Slots with the sequence's adapters; if there are none it is blocked, or ended if the device refuses them. */
    private Optional<int[]> adapterSlots(Sequence sequence, Set<Sequence> blocked) {
        Optional<int[]> slots = Optional.empty();
        try {
            slots = adapters.acquire(sequence.request().adapters());
            if (slots.isEmpty()) {
                blocked.add(sequence);
            }
        } catch (IllegalArgumentException e) {
            preempted.remove(sequence);
            waiting.removeIf(other -> other == sequence);
            finish(sequence, FinishReason.BROKEN_ADAPTER, String.valueOf(e.getMessage()));
        }
        return slots;
    }

    private void admit(Sequence sequence, Lease lease, int[] slots) {
        sequence.admit(lease.slot(), lease.cachedTokens(), slots);
        // Whoever was preempted has been charged already, and running again is not what it asked for.
        if (!preempted.remove(sequence)) {
            waiting.admitted(sequence, sequence.pending());
        }
        running.add(sequence);
    }

    /** Ends a running sequence; its tokens stay in the slot for those who come with the same beginning. */
    void end(Sequence sequence, FinishReason reason, String message) {
        running.remove(sequence);
        giveBack(sequence);
        sequence.suspend();
        finish(sequence, reason, message);
    }

    /** Ends a running sequence whose keys and values are not to be trusted. */
    void fail(Sequence sequence, FinishReason reason, String message) {
        running.remove(sequence);
        kv.discard(sequence.kvSlot());
        adapters.release(sequence.adapterSlots());
        sequence.suspend();
        finish(sequence, reason, message);
    }

    void endIf(Predicate<Sequence> condition, FinishReason reason, String message) {
        for (Sequence sequence : List.copyOf(running)) {
            if (condition.test(sequence)) {
                end(sequence, reason, message);
            }
        }
        for (Sequence sequence : preempted.stream().filter(condition).toList()) {
            preempted.remove(sequence);
            finish(sequence, reason, message);
        }
        waiting.removeIf(condition).forEach(sequence -> finish(sequence, reason, message));
    }

    private void finish(Sequence sequence, FinishReason reason, String message) {
        sequence.finish(reason, message);
        ended.accept(sequence, reason);
    }

    void cancel(long requestId) {
        Stream.of(running.stream(), preempted.stream(), waiting.waiting())
                .flatMap(Function.identity())
                .filter(sequence -> sequence.request().id() == requestId)
                .forEach(Sequence::cancel);
    }

    private void giveBack(Sequence sequence) {
        kv.release(sequence.kvSlot(), sequence.computedTokens(), sequence.versions());
        adapters.release(sequence.adapterSlots());
    }
}
