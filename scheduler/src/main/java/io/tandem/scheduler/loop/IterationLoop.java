package io.tandem.scheduler.loop;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelException;
import io.tandem.kernels.model.Recursion;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.SchedulerConfig.Drafts;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.SlotReport;
import io.tandem.scheduler.adapter.SlotResidency;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.kv.KvSlotAllocator;
import io.tandem.scheduler.plan.HybridTokenPlanner;
import io.tandem.scheduler.plan.IterationPlan;
import io.tandem.scheduler.plan.IterationPlan.Chunk;
import io.tandem.scheduler.plan.IterationPlanner;
import io.tandem.scheduler.plan.ModestTenants;
import io.tandem.scheduler.plan.PendingSteps;
import io.tandem.scheduler.plan.PendingTraining;
import io.tandem.scheduler.plan.PlanEncoder;
import io.tandem.scheduler.plan.ServingSpell;
import io.tandem.scheduler.plan.TemporalPlanner;
import io.tandem.scheduler.slo.LatencyModel;
import io.tandem.scheduler.slo.LatencyReport;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The engine thread's work: drain the mailbox, plan, run one iteration on the device, apply what it gave.
 *
 * <p>All scheduling state belongs to this thread, so none of it is synchronized. Messages are drained between
 * iterations only, which is what makes the rest simple: while an iteration is planned, run and applied, nobody comes
 * and nobody leaves. A cancelled request therefore frees its slots at the next drain, one iteration later at most.
 *
 * <p>Planning is a pure function of the state; applying is the only place that changes it. Between the two stands the
 * device, and it may fail. Then the requests whose rows were in the plan end with an error, because their keys and values
 * cannot be trusted any more, jobs repeat the step they were in, and everybody else goes on. Failures in a row mean that
 * the device itself is broken: the loop keeps trying, but says that it is not healthy.
 */
public final class IterationLoop {
    private static final Logger LOG = LoggerFactory.getLogger(IterationLoop.class);
    private static final int MAX_FAILURES_IN_A_ROW = 3;

    private final DeviceModel device;
    private final LongSupplier nanoTime;
    private final IterationListener listener;
    private final KvSlotAllocator kv;
    private final SlotResidency adapters;
    private final PrefixCopies copies;
    private final InferenceQueue inference;
    private final JobQueue jobs;
    private final LatencyModel latency;
    private final IterationPlanner planner;
    private final Targets targets;
    private final Speculation speculation;
    /** Of the model, 0 if it is not recursive. */
    private final int loops;

    /** Whether its decode rows may run loop by loop. */
    private final boolean depthwise;

    private ServingSpell spell = ServingSpell.NONE;
    /** How long what trainees need beside windows has waited. */
    private ServingSpell stepSpell = ServingSpell.NONE;

    private long iteration;
    private int failuresInARow;

    /** With callers of the same weight. */
    public IterationLoop(
            DeviceModel device, SchedulerConfig config, LongSupplier nanoTime, IterationListener listener) {
        this(device, config, nanoTime, listener, caller -> 1);
    }

    /** @param weights of callers, in whose proportion they share the device */
    public IterationLoop(
            DeviceModel device,
            SchedulerConfig config,
            LongSupplier nanoTime,
            IterationListener listener,
            ToDoubleFunction<String> weights) {
        this.device = device;
        this.nanoTime = nanoTime;
        this.listener = listener;
        this.kv = new KvSlotAllocator(device.limits().kvSlots(), kvBudget(device, config));
        this.adapters = new SlotResidency(device, 0, config.servingSlots(device.limits()));
        this.copies = new PrefixCopies(device, kv);
        this.targets = config.targets();
        this.speculation = config.speculation();
        this.loops = device.model().recursion().map(Recursion::loops).orElse(0);
        this.depthwise = loops > 0 && device.model().experts().isEmpty();
        this.latency = new LatencyModel(device.memoryBoundRows());
        this.inference = new InferenceQueue(kv, adapters, copies, weights, this::ended);
        this.jobs = new JobQueue(device, config, nanoTime);
        this.planner = config.finetuning().mode() == Mode.TEMPORAL
                ? new TemporalPlanner(config, device.limits(), latency)
                : new HybridTokenPlanner(config, device.limits(), latency);
    }

    private void ended(Sequence sequence, FinishReason reason) {
        if (sequence.bestEffort()) {
            return;
        }
        listener.requestEnded(RequestReport.of(sequence, reason, targets, nanoTime.getAsLong()));
    }

    /** Tokens that all sequences may hold in the KV cache together. */
    public static int kvBudget(DeviceModel device, SchedulerConfig config) {
        int all = Math.multiplyExact(device.limits().kvSlots(), device.limits().contextTokens());
        return config.kvCacheTokens() == 0 ? all : Math.min(all, config.kvCacheTokens());
    }

    public void add(Sequence sequence) {
        if (speculation.drafts() == Drafts.PROMPT_LOOKUP) {
            sequence.speculate(speculation.maxDraftTokens());
        }
        inference.add(sequence);
    }

    public void cancel(long requestId) {
        inference.cancel(requestId);
    }

    public void add(FinetuneJob job, JobSink sink) {
        jobs.add(job, sink);
    }

    public void cancelJob(String jobId) {
        jobs.cancel(jobId);
    }

    public void pauseJob(String jobId) {
        jobs.pause(jobId);
    }

    /** Ends every job with the state after its last step. */
    public void suspendJobs() {
        jobs.suspendAll();
    }

    /** Keeps an adapter on the device. */
    public void pin(AdapterVersion adapter) {
        try {
            adapters.pin(adapter);
        } catch (KernelException e) {
            LOG.error("the device does not take the pinned adapter {}", adapter.reference(), e);
            adapters.unpin(adapter);
        }
    }

    public void unpin(AdapterVersion adapter) {
        adapters.unpin(adapter);
    }

    /** What the adapter slots have seen. */
    public SlotReport adapterSlots() {
        return adapters.report();
    }

    /** Runs one iteration, and what trainees need beside it; false if there is nothing to do. */
    public boolean iterate() {
        inference.prepare(nanoTime.getAsLong());
        jobs.prepare();
        Optional<PendingTraining> training = jobs.pending(spell);
        ModestTenants modest = inference.modestTenants();
        IterationPlan plan =
                planner.plan(inference.ready(), inference.waitingCount(), training, modest, nanoTime.getAsLong());
        if (plan.empty()) {
            return prepareTrainees(plan, modest);
        }
        iteration++;
        // Latency is not learned from iterations of one loop. What happens once in any, drawing above all, is a larger
        // part of them, so loops times what they take is longer than a whole one; and it is whole ones that are sized.
        boolean oneLoop = depthwise && plan.byLoops();
        long predicted = latency.predictNanos(plan.features()) / (oneLoop ? loops : 1);
        long alone = latency.predictNanos(plan.features().withoutWindow());
        long start = nanoTime.getAsLong();
        plan.chunks().forEach(chunk -> chunk.sequence().timeline().scheduled(start));
        IterationOutputs outputs;
        try {
            outputs = device.run(PlanEncoder.encode(plan, oneLoop));
            failuresInARow = 0;
        } catch (KernelException | IllegalArgumentException e) {
            fail(plan, e);
            return true;
        }
        long now = nanoTime.getAsLong();
        if (!oneLoop) {
            latency.observe(plan.features(), now - start);
        }
        boolean waits = plan.training().isEmpty() && training.isPresent();
        spell = waits ? spell.plus(now - start) : ServingSpell.NONE;
        stepSpell = stepSpell.plus(now - start);
        Accepted accepted = apply(plan, outputs, now);
        report(plan, accepted, modest.bound(targets), now - start, predicted, alone);
        prepareTrainees(plan, modest);
        return true;
    }

    /**
     * Goes on with what trainees need, when the iteration's tokens have gone out. In pieces without an iteration too, so that nobody
     * who comes waits for a step.
     *
     * @return false if there was nothing to do, neither before nor now
     */
    private boolean prepareTrainees(IterationPlan plan, ModestTenants modest) {
        Set<String> tenants = jobs.preparingTenants();
        if (tenants.isEmpty()) {
            stepSpell = ServingSpell.NONE;
            if (plan.empty()) {
                listener.idle();
            }
            return !plan.empty();
        }
        long nanos = planner.pieceNanos(
                plan,
                inference.ready(),
                inference.waitingCount(),
                modest,
                new PendingSteps(tenants, stepSpell),
                nanoTime.getAsLong());
        if (nanos > 0) {
            jobs.prepareTrainees(nanos);
            stepSpell = ServingSpell.NONE;
        }
        return true;
    }

    /**
     * What came of decode rows and their drafts.
     *
     * @param drafted tokens of drafts that were right
     * @param goingOn rows that have no token yet but go on in another iteration
     * @param bestEffort how many of the former, less the latter, belong to best-effort requests
     * @param loops of a recursive model that the tokens went through
     */
    private record Accepted(int drafted, int goingOn, int bestEffort, int loops) {
        static final Accepted NONE = new Accepted(0, 0, 0, 0);

        Accepted plus(Accepted other) {
            return new Accepted(
                    drafted + other.drafted,
                    goingOn + other.goingOn,
                    bestEffort + other.bestEffort,
                    loops + other.loops);
        }
    }

    private Accepted apply(IterationPlan plan, IterationOutputs outputs, long now) {
        Accepted accepted = Accepted.NONE;
        Iterator<Draw> draws = outputs.draws().iterator();
        Iterator<List<Draw>> scored = outputs.scored().iterator();
        Iterator<float[]> states = outputs.states().iterator();
        Iterator<float[]> observed = outputs.observed().iterator();
        inference.run(plan.chunks());
        for (Chunk chunk : plan.chunks()) {
            if (chunk.sequence().scoring(chunk.tokens()).isPresent()) {
                chunk.sequence().score(scored.next());
            }
            int seen = chunk.sequence().observed(chunk.tokens());
            if (seen > 0) {
                chunk.sequence().observe(seen, observed.next());
            }
            if (chunk.draws() && chunk.sequence().request().options().pooled()) {
                chunk.sequence().advance(chunk.tokens());
                chunk.sequence().pool(states.next());
                inference.end(chunk.sequence(), FinishReason.STOP, "");
            } else if (chunk.draws()) {
                accepted = accepted.plus(apply(chunk, draws, now));
            } else {
                chunk.sequence().advance(chunk.tokens());
            }
        }
        plan.training().ifPresent(work -> jobs.apply(outputs, inference::trained));
        return accepted;
    }

    /**
     * The drawn token, and those after the tokens of the draft for as long as these are what was drawn: then each was drawn
     * from what it follows. The first that differs is itself the answer's next token. What was computed of wrong tokens is
     * beyond the end of what counts as computed, and is overwritten.
     */
    private Accepted apply(Chunk chunk, Iterator<Draw> draws, long now) {
        Draw drawn = draws.next();
        int own = chunk.sequence().bestEffort() ? 1 : 0;
        if (drawn.goesOn()) {
            chunk.sequence().exits().goOn(drawn.loops());
            return new Accepted(0, 1, -own, 0);
        }
        int gone = chunk.sequence().decoding() ? loops(drawn) : 0;
        chunk.sequence().advance(chunk.tokens());
        apply(chunk.sequence(), drawn, now);
        int accepted = 0;
        boolean right = true;
        for (int token : chunk.draft()) {
            right = right && drawn.token() == token && !chunk.sequence().finished();
            drawn = draws.next();
            if (right) {
                chunk.sequence().advance(1);
                gone += loops(drawn);
                apply(chunk.sequence(), drawn, now);
                accepted++;
            }
        }
        return new Accepted(accepted, 0, own * accepted, gone);
    }

    /** That the token's row went through. */
    private int loops(Draw drawn) {
        return drawn.leftEarly() ? drawn.loops() : loops;
    }

    private void apply(Sequence sequence, Draw draw, long now) {
        boolean stops = sequence.stopsAt(draw);
        if (draw.token() < 0) {
            failOverflow(sequence);
        } else if (sequence.full()) {
            // Only the prompt's log-probabilities were asked for.
            inference.end(sequence, FinishReason.LENGTH, "");
        } else if (stops && !sequence.request().stop().delivered()) {
            inference.end(sequence, FinishReason.STOP, "");
        } else {
            boolean first = sequence.generated() == 0;
            long interval = sequence.timeline().token(now);
            if (!sequence.bestEffort()) {
                hear(first, interval);
            }
            sequence.append(draw);
            inference.served(sequence);
            if (stops) {
                inference.end(sequence, FinishReason.STOP, "");
            } else {
                inference.endIfCut(sequence);
            }
        }
    }

    private void hear(boolean first, long interval) {
        if (first) {
            listener.firstToken(interval);
        } else {
            listener.nextToken(interval);
        }
    }

    private void failOverflow(Sequence sequence) {
        List<AdapterVersion> adapters = sequence.request().adapters();
        if (adapters.isEmpty()) {
            inference.fail(
                    sequence, FinishReason.FAILED, "the base model's logits are not finite numbers for this prompt");
        } else {
            String names = adapters.stream().map(AdapterVersion::reference).collect(Collectors.joining(" and "));
            inference.fail(
                    sequence,
                    FinishReason.BROKEN_ADAPTER,
                    "the logits are not finite numbers for this prompt with " + names
                            + "; the adapter's weights are too large");
        }
    }

    private void fail(IterationPlan plan, RuntimeException cause) {
        LOG.error("iteration {} failed on the device", iteration, cause);
        failuresInARow++;
        String message = "the device failed: " + cause.getMessage();
        plan.chunks().forEach(chunk -> inference.fail(chunk.sequence(), FinishReason.FAILED, message));
        plan.training().ifPresent(work -> jobs.repeatSteps(cause));
    }

    /** @param alone predicted duration without the window */
    private void report(
            IterationPlan plan, Accepted accepted, boolean bounded, long duration, long predicted, long alone) {
        List<Chunk> chunks = plan.chunks();
        double training = plan.training().isEmpty() ? 0 : 1 - (double) alone / Math.max(1, predicted);
        listener.iteration(new IterationReport(
                iteration,
                duration,
                predicted,
                (long) (duration * training),
                plan.features().decodeRows() + accepted.drafted() - accepted.goingOn(),
                plan.features().draftRows(),
                accepted.drafted(),
                plan.features().prefillRows(),
                plan.features().forwardRows(),
                Math.toIntExact(plan.features().backwardRowLayers()),
                (int) chunks.stream()
                        .flatMap(chunk -> chunk.sequence().versions().stream())
                        .distinct()
                        .count(),
                inference.running().size(),
                inference.waitingCount(),
                inference.takePreemptions(),
                copies.take(),
                kv.leasedTokens(),
                accepted.bestEffort()
                        + chunks.stream()
                                .filter(chunk -> chunk.sequence().bestEffort())
                                .mapToInt(Chunk::tokens)
                                .sum(),
                bounded,
                accepted.loops()));
    }

    /** Whether the device has not failed several times in a row. */
    public boolean deviceHealthy() {
        return failuresInARow < MAX_FAILURES_IN_A_ROW;
    }

    /** What the latency model believes. */
    public LatencyReport latency() {
        return latency.report();
    }

    /** @throws IllegalStateException if the accounts contradict each other */
    public void checkIntegrity() {
        kv.checkIntegrity();
        int leased = device.limits().kvSlots() - kv.freeSlots();
        if (leased != inference.running().size()) {
            throw new IllegalStateException(
                    leased + " KV slots are leased by " + inference.running().size() + " sequences");
        }
        long users = inference.running().stream()
                .filter(s -> !s.versions().isEmpty())
                .count();
        if ((users == 0) != (adapters.inUse() == 0)) {
            throw new IllegalStateException(adapters.inUse() + " adapter slots are in use by " + users + " sequences");
        }
        jobs.checkIntegrity();
    }

    /** Ends everything with this reason and message. */
    public void endAll(FinishReason reason, String message) {
        inference.endIf(sequence -> true, reason, message);
        jobs.failAll(message);
    }
}
