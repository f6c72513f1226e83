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
import io.tandem.scheduler.plan.IterationPlan.Chunk;
import io.tandem.scheduler.plan.ModestTenants;
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
    private final SlotShares shares;
    private final PromptTurns turns;
    private final RecentUse use;
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
        this.shares = new SlotShares(weights);
        this.turns = new PromptTurns(weights);
        this.use = new RecentUse(weights);
        this.kv = kv;
        this.adapters = adapters;
        this.copies = copies;
        this.ended = ended;
    }

    void add(Sequence sequence) {
        if (!sequence.bestEffort()) {
            shares.came(sequence);
            use.came(sequence);
        }
        backlog(sequence).add(sequence);
    }

    private Backlog backlog(Sequence sequence) {
        return sequence.bestEffort() ? bestEffort : interactive;
    }

    /** A running sequence got a token. */
    void served(Sequence sequence) {
        backlog(sequence).served(sequence);
        use.served(sequence);
    }

    /** A caller's job trained. */
    void trained(String caller, double tokens) {
        interactive.trained(caller, tokens);
        use.trained(caller, tokens);
    }

    /** Those that others should not delay. */
    ModestTenants modestTenants() {
        return use.modest();
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
    void prepare(long nowNanos) {
        use.advance(nowNanos);
        endIf(Sequence::cancelled, FinishReason.CANCELLED, "");
        endIf(Sequence::complete, FinishReason.STOP, "");
        endFailed(true, FinishReason.BROKEN_CONSTRAINT);
        endFailed(false, FinishReason.FAILED);
        endIf(InferenceQueue::isCut, FinishReason.LENGTH, "");
        for (Sequence sequence : running()) {
            while (sequence.running() && !kv.grow(sequence.kvSlot(), sequence.computed() + sequence.pending())) {
                preempt(youngestBestEffort()
                        .or(() -> shares.youngestOfLargest(running))
                        .orElseThrow());
            }
        }
        for (Sequence sequence : running) {
            int draft = sequence.longestDraft();
            sequence.roomForDraft(draft > 0 && kv.grow(sequence.kvSlot(), sequence.length() + draft));
        }
        running.forEach(this::share);
        admit(interactive, nowNanos);
        if (interactive.size() == 0) {
            admit(bestEffort, nowNanos);
        }
    }

    private Optional<Sequence> youngestBestEffort() {
        return running.stream().filter(Sequence::bestEffort).reduce((older, younger) -> younger);
    }

    /**
     * Takes the slots of another sequence for one that is not best effort: of one that is, or else of a caller that holds
     * more than its share.
     *
     * @param candidates that can help
     * @return false if there is none left
     */
    private boolean makeWay(Sequence sequence, Predicate<Sequence> candidates) {
        if (sequence.bestEffort()) {
            return false;
        }
        Optional<Sequence> victim =
                youngestBestEffort().or(() -> shares.giver(running, sequence).filter(candidates));
        victim.ifPresent(this::preempt);
        return victim.isPresent();
    }

    private boolean hasRoom(Sequence sequence) {
        while (!kv.fits(sequence.length())) {
            if (!makeWay(sequence, any -> true)) {
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

    /**
     * Those whom too many others have passed come first, and while they wait nobody else is admitted. A sequence that finds no
     * room stops all others but those of callers whom its own owes a slot.
     */
    private void admit(Backlog backlog, long nowNanos) {
        Optional<Sequence> overdue = overdue(backlog);
        while (overdue.isPresent()) {
            if (!place(overdue.get()) && !overdue.get().finished()) {
                return;
            }
            overdue = overdue(backlog);
        }
        List<Sequence> blocked = new ArrayList<>();
        List<String> full = new ArrayList<>();
        // Admitting others only takes slots, so what found none is not tried again for everybody who asks for the same.
        Set<List<ContentHash>> withoutSlots = new HashSet<>();
        Backlog.Round round = backlog.round();
        for (Optional<Sequence> next = round.next(); next.isPresent(); next = round.next()) {
            Sequence sequence = next.get();
            String caller = sequence.request().caller();
            List<ContentHash> versions = sequence.versions();
            boolean entitled = full.stream().allMatch(other -> shares.owes(running, other, caller));
            boolean reserved = kv.freeSlots() == 1 && shares.leavesOne(running, caller, nowNanos);
            if (!entitled || reserved || !hasRoom(sequence)) {
                if (!shares.holdsAny(running, caller)) {
                    return;
                }
                full.add(caller);
                round.skip(caller);
            } else if (!withoutSlots.contains(versions) && place(sequence)) {
                blocked.forEach(Sequence::countBypass);
                if (blocked.stream().anyMatch(InferenceQueue::isOverdue)) {
                    return;
                }
            } else if (!sequence.finished()) {
                blocked.add(sequence);
                withoutSlots.add(versions);
            }
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
            while (slots.isEmpty() && makeWay(sequence, other -> other.adapterSlots().length > 0)) {
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
        sequence.turn(sequence.bestEffort() ? 0 : turns.turn(sequence, running));
        running.add(sequence);
    }

    /** The running sequences that do not stand still, in the order in which their prompts should run. */
    List<Sequence> ready() {
        return running.stream()
                .filter(Sequence::ready)
                .sorted(Comparator.comparingDouble(Sequence::turn))
                .toList();
    }

    /** These chunks are about to count as run. */
    void run(List<Chunk> chunks) {
        use.run(chunks);
        int prompts = chunks.stream()
                .filter(chunk ->
                        !chunk.sequence().decoding() && !chunk.sequence().bestEffort())
                .mapToInt(Chunk::tokens)
                .sum();
        turns.run(prompts, running);
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
