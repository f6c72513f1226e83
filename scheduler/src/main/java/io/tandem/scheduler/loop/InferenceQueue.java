package io.tandem.scheduler.loop;

import io.tandem.kernels.KernelException;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.adapter.SlotResidency;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.inference.TokenConstraint.Next.Failed;
import io.tandem.scheduler.kv.KvSlotAllocator;
import io.tandem.scheduler.kv.KvSlotAllocator.Lease;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sequences that wait and sequences that run, and what the running ones hold. Best-effort ones are admitted when nobody
 * else waits, and lose their slots as soon as anybody else needs them.
 */
final class InferenceQueue {
    private static final Logger LOG = LoggerFactory.getLogger(InferenceQueue.class);

    /** A request whose adapters find no slots lets this many later ones pass before it stops them all. */
    static final int MAX_BYPASSES = 64;

    private final KvSlotAllocator kv;
    private final SlotResidency adapters;
    private final PrefixCopies copies;
    private final BiConsumer<Sequence, FinishReason> ended;
    private final Backlog interactive;
    private final Backlog bestEffort;
    private final List<Sequence> running = new ArrayList<>();
    private int preemptions;

    /**
     * @param weights of callers
     * @param ended hears of every request that ends, right after its receiver
     */
    InferenceQueue(
            KvSlotAllocator kv,
            SlotResidency adapters,
            PrefixCopies copies,
            ToDoubleFunction<String> weights,
            BiConsumer<Sequence, FinishReason> ended) {
        this.interactive = new Backlog(weights);
        this.bestEffort = new Backlog(weights);
        this.kv = kv;
        this.adapters = adapters;
        this.copies = copies;
        this.ended = ended;
    }

    void add(Sequence sequence) {
        backlog(sequence).add(sequence);
    }

    private Backlog backlog(Sequence sequence) {
        return sequence.bestEffort() ? bestEffort : interactive;
    }

    /** A running sequence got a token. */
    void served(Sequence sequence) {
        backlog(sequence).served(sequence);
    }

    /** A caller's job trained. */
    void trained(String caller, double tokens) {
        interactive.trained(caller, tokens);
    }

    /** As it is now, in the order of admission. */
    List<Sequence> running() {
        return List.copyOf(running);
    }

    /** Without those that nobody waits for. */
    int waitingCount() {
        return interactive.size();
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
        endIf(Sequence::complete, FinishReason.STOP, "");
        endFailed(true, FinishReason.BROKEN_CONSTRAINT);
        endFailed(false, FinishReason.FAILED);
        endIf(InferenceQueue::isCut, FinishReason.LENGTH, "");
        for (Sequence sequence : running()) {
            while (sequence.running() && !kv.grow(sequence.kvSlot(), sequence.computed() + sequence.pending())) {
                preempt(youngestBestEffort().orElseGet(() -> running.get(running.size() - 1)));
            }
        }
        for (Sequence sequence : running) {
            int draft = sequence.longestDraft();
            sequence.roomForDraft(draft > 0 && kv.grow(sequence.kvSlot(), sequence.length() + draft));
        }
        running.forEach(this::share);
        admit(interactive);
        if (interactive.size() == 0) {
            admit(bestEffort);
        }
    }

    private Optional<Sequence> youngestBestEffort() {
        return running.stream().filter(Sequence::bestEffort).reduce((older, younger) -> younger);
    }

    /** Takes the slots of a best-effort sequence for one that is not; false if there is none left. */
    private boolean makeWay(Sequence sequence) {
        Optional<Sequence> victim = sequence.bestEffort() ? Optional.empty() : youngestBestEffort();
        victim.ifPresent(this::preempt);
        return victim.isPresent();
    }

    private boolean hasRoom(Sequence sequence) {
        while (!kv.fits(sequence.length())) {
            if (!makeWay(sequence)) {
                return false;
            }
        }
        return true;
    }

    /**
     * A prompt was charged as a whole when it was admitted; what is copied of it meanwhile need not run. If it was
     * preempted, some of that has run before.
     */
    private void share(Sequence sequence) {
        int before = sequence.pending();
        copies.copy(sequence, running);
        if (!sequence.suspended()) {
            backlog(sequence).reused(sequence, before - sequence.pending());
        }
    }

    private void endFailed(boolean ofRequest, FinishReason reason) {
        endIf(
                sequence -> sequence.failure()
                        .map(Failed::ofRequest)
                        .filter(own -> own == ofRequest)
                        .isPresent(),
                reason,
                sequence -> sequence.failure().map(Failed::message).orElse(""));
    }

    /** It loses its slots and will run again from its beginning. */
    private void preempt(Sequence sequence) {
        running.remove(sequence);
        giveBack(sequence);
        sequence.suspend();
        backlog(sequence).comeBack(sequence);
        preemptions++;
    }

    /** Those whom too many others have passed come first, and while they wait nobody else is admitted. */
    private void admit(Backlog backlog) {
        Optional<Sequence> overdue = overdue(backlog);
        while (overdue.isPresent()) {
            if (!place(overdue.get()) && !overdue.get().finished()) {
                return;
            }
            overdue = overdue(backlog);
        }
        List<Sequence> blocked = new ArrayList<>();
        // Admitting others only takes slots, so what found none is not tried again for everybody who asks for the same.
        Set<List<ContentHash>> withoutSlots = new HashSet<>();
        Backlog.Round round = backlog.round();
        Optional<Sequence> next = round.next();
        while (next.isPresent() && hasRoom(next.get())) {
            Sequence sequence = next.get();
            List<ContentHash> versions = sequence.versions();
            if (!withoutSlots.contains(versions) && place(sequence)) {
                blocked.forEach(Sequence::countBypass);
                if (blocked.stream().anyMatch(InferenceQueue::isOverdue)) {
                    return;
                }
            } else if (!sequence.finished()) {
                blocked.add(sequence);
                withoutSlots.add(versions);
            }
            next = round.next();
        }
    }

    private static Optional<Sequence> overdue(Backlog backlog) {
        return backlog.waiting()
                .filter(InferenceQueue::isOverdue)
                .min(Comparator.comparingLong(sequence -> sequence.timeline().arrival()));
    }

    private static boolean isOverdue(Sequence sequence) {
        return sequence.bypassed() >= MAX_BYPASSES;
    }

    /** Admits a sequence, or ends it if the device does not take its adapters; false if it did not run. */
    private boolean place(Sequence sequence) {
        List<AdapterVersion> stack = sequence.request().adapters();
        if (!adapters.fits(stack)) {
            refuse(
                    sequence,
                    FinishReason.FAILED,
                    "pinned adapters leave no room for the " + stack.size()
                            + " adapters of this request; unpin some or raise kernels.adapter-slots");
            return false;
        }
        if (!hasRoom(sequence)) {
            return false;
        }
        try {
            Optional<int[]> slots = adapters.acquire(stack);
            while (slots.isEmpty() && makeWay(sequence)) {
                slots = adapters.acquire(stack);
            }
            slots.ifPresent(taken -> admit(
                    sequence, kv.lease(sequence.tokens(), sequence.prefixKey()).orElseThrow(), taken));
            return slots.isPresent();
        } catch (KernelException e) {
            LOG.error(
                    "the device failed to take an adapter of request {}",
                    sequence.request().id(),
                    e);
            refuse(sequence, FinishReason.FAILED, "the device failed: " + e.getMessage());
        }
        return false;
    }

    private void refuse(Sequence sequence, FinishReason reason, String message) {
        backlog(sequence).removeIf(other -> other == sequence);
        finish(sequence, reason, message);
    }

    private void admit(Sequence sequence, Lease lease, int[] slots) {
        sequence.admit(lease.slot(), sequence.reusable(lease.cachedTokens()), slots);
        copies.copy(sequence, running);
        backlog(sequence).admitted(sequence, sequence.pending());
        running.add(sequence);
    }

    /** The running sequences that do not stand still. */
    List<Sequence> ready() {
        return running.stream().filter(Sequence::ready).toList();
    }

    /** Ends a running sequence that may have no further token. */
    void endIfCut(Sequence sequence) {
        if (isCut(sequence)) {
            end(sequence, FinishReason.LENGTH, "");
        }
    }

    /**
     * An answer that is full may be complete as well, which only its constraint knows. One that may have no token at all
     * still has its prompt scored.
     */
    private static boolean isCut(Sequence sequence) {
        return sequence.full() && sequence.generated() > 0 && sequence.ready();
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
        endIf(condition, reason, sequence -> message);
    }

    private void endIf(Predicate<Sequence> condition, FinishReason reason, Function<Sequence, String> message) {
        for (Sequence sequence : running.stream().filter(condition).toList()) {
            end(sequence, reason, message.apply(sequence));
        }
        for (Backlog backlog : List.of(interactive, bestEffort)) {
            backlog.removeIf(condition).forEach(sequence -> finish(sequence, reason, message.apply(sequence)));
        }
    }

    private void finish(Sequence sequence, FinishReason reason, String message) {
        sequence.finish(reason, message);
        ended.accept(sequence, reason);
    }

    void cancel(long requestId) {
        Stream.of(running.stream(), interactive.waiting(), bestEffort.waiting())
                .flatMap(Function.identity())
                .filter(sequence -> sequence.request().id() == requestId)
                .forEach(Sequence::cancel);
    }

    private void giveBack(Sequence sequence) {
        kv.release(sequence.kvSlot(), sequence.computedTokens(), sequence.prefixKey());
        adapters.release(sequence.adapterSlots());
    }
}
