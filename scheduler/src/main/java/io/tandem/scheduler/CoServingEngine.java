package io.tandem.scheduler;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.scheduler.OpenRequests.Entry;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.adapter.SlotReport;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.ForwardingJobSink;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.scheduler.loop.IterationListener;
import io.tandem.scheduler.loop.IterationLoop;
import io.tandem.scheduler.loop.Mailbox;
import io.tandem.scheduler.slo.LatencyReport;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import java.util.function.ToDoubleFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves requests and trains adapters on one device, in shared iterations. Its methods may be called from any thread
 * and never wait for the device; {@link #run} is the engine thread's whole life.
 */
public final class CoServingEngine implements Runnable, TokenSource, JobEngine, AdapterPins {
    private static final Logger LOG = LoggerFactory.getLogger(CoServingEngine.class);

    private static final long IDLE = Long.MIN_VALUE;

    private final DeviceModel device;
    private final SchedulerConfig config;
    private final LongSupplier nanoTime;
    private final IterationLoop loop;
    private final Mailbox mailbox = new Mailbox();
    private final Admission admission;
    private final OpenRequests openRequests;
    private final AtomicInteger openJobs = new AtomicInteger();
    private final Object gate = new Object();
    /** When the iteration that runs began; {@link #IDLE} if none runs. */
    private volatile long iterationStart = IDLE;

    private boolean open = true;
    private volatile boolean healthy = true;
    private volatile SlotReport adapterSlots = SlotReport.NONE;
    private volatile LatencyReport latency;

    /** @param nanoTime the clock; a virtual one in simulations */
    public CoServingEngine(
            DeviceModel device, SchedulerConfig config, LongSupplier nanoTime, IterationListener listener) {
        this(device, config, nanoTime, listener, caller -> 1);
    }

    /** @param weights of callers, in whose proportion they share the device; asked on the engine thread */
    public CoServingEngine(
            DeviceModel device,
            SchedulerConfig config,
            LongSupplier nanoTime,
            IterationListener listener,
            ToDoubleFunction<String> weights) {
        this.device = device;
        this.config = config;
        this.nanoTime = nanoTime;
        this.loop = new IterationLoop(device, config, nanoTime, listener, weights);
        this.latency = loop.latency();
        this.admission = new Admission(device, config);
        this.openRequests = new OpenRequests(admission.maxOpenRequests());
    }

    @Override
    public Optional<Rejection> submit(List<Submission> answers) {
        Optional<Rejection> refused = admission.check(answers);
        if (refused.isPresent()) {
            return refused;
        }
        long now = nanoTime.getAsLong();
        String caller = answers.get(0).request().caller();
        List<Long> ids = answers.stream().map(answer -> answer.request().id()).toList();
        synchronized (gate) {
            if (!open) {
                return Optional.of(shuttingDown());
            }
            Optional<Entry> entry = openRequests.enter(caller, ids);
            entry.ifPresent(entered -> {
                entered.displaced().forEach(ticket -> ticket.ids().forEach(this::cancel));
                answers.forEach(answer ->
                        add(answer.request(), new TicketSink(openRequests, entered.ticket(), answer.sink()), now));
            });
            return entry.isPresent() ? Optional.empty() : Optional.of(full(caller));
        }
    }

    /**
     * Takes requests that get only what all others leave: no place among the open requests, no KV slot that another
     * request wants, no time that a target needs. They wait in a queue of their own, which has no limit: whoever submits
     * them limits how many are open.
     */
    public TokenSource bestEffort() {
        return new TokenSource() {
            @Override
            public Optional<Rejection> submit(List<Submission> answers) {
                return submitBestEffort(answers);
            }

            @Override
            public void cancel(long requestId) {
                CoServingEngine.this.cancel(requestId);
            }
        };
    }

    private Optional<Rejection> submitBestEffort(List<Submission> answers) {
        Optional<Rejection> refused = admission.check(answers);
        if (refused.isPresent()) {
            return refused;
        }
        long now = nanoTime.getAsLong();
        synchronized (gate) {
            if (!open) {
                return Optional.of(shuttingDown());
            }
            answers.forEach(answer -> add(answer.request().asBestEffort(), answer.sink(), now));
            return Optional.empty();
        }
    }

    private void add(InferenceRequest request, TokenSink sink, long nowNanos) {
        Sequence sequence = new Sequence(request, sink, admission.maxTokens(), nowNanos);
        // An engine that has nothing else to do waits for messages, so this one only wakes it.
        request.constraint().ifPresent(constraint -> constraint.onComputed(() -> mailbox.send(constraint, () -> {})));
        mailbox.send(sequence, () -> loop.add(sequence));
    }

    private Rejection full(String caller) {
        return new Rejection(
                Rejection.Reason.QUEUE_FULL,
                "all " + admission.maxOpenRequests() + " places for running and waiting answers are taken, "
                        + openRequests.held(caller)
                        + " of them by this user; try again later (kernels.kv-slots, scheduler.max-queued-requests)");
    }

    private static Rejection shuttingDown() {
        return new Rejection(Rejection.Reason.SHUTTING_DOWN, "the server is shutting down");
    }

    @Override
    public void cancel(long requestId) {
        mailbox.send(List.of("cancel", requestId), () -> loop.cancel(requestId));
    }

    @Override
    public FinetuneJob prepare(FinetuneJob job, BaseWeights weights) {
        return job.trains() ? job.starting(device.prepare(job.initialAdapter(device.model(), weights))) : job;
    }

    @Override
    public Optional<Rejection> submit(FinetuneJob job, JobSink sink) {
        Optional<Rejection> refused = admission.check(job);
        if (refused.isPresent()) {
            return refused;
        }
        JobSink counted = new ForwardingJobSink(sink) {
            @Override
            public void finish(JobOutcome outcome) {
                openJobs.decrementAndGet();
                super.finish(outcome);
            }
        };
        synchronized (gate) {
            if (!open) {
                return Optional.of(shuttingDown());
            }
            if (openJobs.get() >= mostJobs()) {
                return Optional.of(new Rejection(
                        Rejection.Reason.QUEUE_FULL, mostJobs() + " jobs are running or waiting; try again later"));
            }
            openJobs.incrementAndGet();
            mailbox.send(counted, () -> loop.add(job, counted));
            return Optional.empty();
        }
    }

    @Override
    public int mostJobs() {
        return config.maxQueuedJobs() + config.concurrentJobs();
    }

    @Override
    public void cancelJob(String jobId) {
        mailbox.send(List.of("cancel", jobId), () -> loop.cancelJob(jobId));
    }

    @Override
    public void pauseJob(String jobId) {
        mailbox.send(List.of("pause", jobId), () -> loop.pauseJob(jobId));
    }

    @Override
    public AdapterVersion prepare(String name, ContentHash hash, Adapter adapter) {
        return new AdapterVersion(name, hash, device.prepare(adapter));
    }

    @Override
    public void pin(AdapterVersion adapter) {
        mailbox.send(List.of("pin", adapter.hash()), () -> loop.pin(adapter));
    }

    @Override
    public void unpin(AdapterVersion adapter) {
        mailbox.send(List.of("pin", adapter.hash()), () -> loop.unpin(adapter));
    }

    /** Drains, plans, runs and applies until {@link #shutDown}; waits without load when there is nothing to do. */
    @Override
    public void run() {
        FinishReason reason = FinishReason.SHUT_DOWN;
        String end = "the server is shutting down";
        try {
            while (isOpen()) {
                if (!iterate()) {
                    mailbox.await();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error e) {
            LOG.error("the engine stops: its state cannot be trusted any more", e);
            end = "the engine has stopped: " + e.getMessage();
            healthy = false;
            reason = FinishReason.FAILED;
        } finally {
            close();
            mailbox.drain();
            if (reason == FinishReason.SHUT_DOWN) {
                loop.suspendJobs();
            }
            loop.endAll(reason, end);
        }
    }

    /** Drains the mailbox and runs one iteration; false if there was nothing to do. For simulations. */
    public boolean iterate() {
        boolean worked;
        iterationStart = nanoTime.getAsLong();
        try {
            mailbox.drain();
            worked = loop.iterate();
        } finally {
            iterationStart = IDLE;
        }
        healthy = loop.deviceHealthy();
        adapterSlots = loop.adapterSlots();
        latency = loop.latency();
        return worked;
    }

    private boolean isOpen() {
        synchronized (gate) {
            return open;
        }
    }

    private void close() {
        synchronized (gate) {
            open = false;
        }
    }

    /** Refuses what is new, fails requests that are left, suspends jobs, and lets {@link #run} return; the device stays open. */
    public void shutDown() {
        close();
        mailbox.send("shut down", () -> {});
    }

    /** Whether the engine takes requests and the device has not failed repeatedly. */
    public boolean healthy() {
        return healthy && isOpen();
    }

    /** How long the iteration that runs has taken, its messages included; 0 if none runs. */
    public long iterationNanos() {
        long start = iterationStart;
        return start == IDLE ? 0 : nanoTime.getAsLong() - start;
    }

    /** What the latency model believed after the last iteration. */
    public LatencyReport latency() {
        return latency;
    }

    @Override
    public SlotReport slots() {
        return adapterSlots;
    }

    /** Answers that run or wait. */
    public int openRequests() {
        return openRequests.taken();
    }

    /** Jobs that have not ended. */
    public int openJobs() {
        return openJobs.get();
    }

    /** @throws IllegalStateException if the engine's accounts contradict each other; engine thread only */
    public void checkIntegrity() {
        loop.checkIntegrity();
    }
}
