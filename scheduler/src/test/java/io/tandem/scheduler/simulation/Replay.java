package io.tandem.scheduler.simulation;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.TargetModule;
import io.tandem.scheduler.CoServingEngine;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.scheduler.finetune.FinetuneJob.Settings;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.finetune.LearningRateSchedule;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.finetune.Trajectories;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.loop.IterationListener;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.loop.RequestReport;
import io.tandem.scheduler.slo.Attainment;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.ToDoubleFunction;

/** One engine on one simulated device, under a trace, while a job trains without end. */
final class Replay implements IterationListener {
    private static final int CONTEXT = 4096;
    private static final int PACK = 8192;
    private static final double NANOS = 1e9;

    private final FakeDevice device;
    private final CoServingEngine engine;
    private final double horizonSeconds;
    private final List<RequestReport> ends = new ArrayList<>();
    private double trainedTokens;
    private long outputTokens;

    /**
     * What a trace gave.
     *
     * @param requests of the trace
     * @param met how many attained their objective; what was refused did not
     * @param inferenceTokensPerSecond of answers
     * @param trainedTokensPerSecond of each half for its way forward and half for its way back
     * @param meanTpotMillis of requests
     */
    record Outcome(
            int requests,
            int met,
            double inferenceTokensPerSecond,
            double trainedTokensPerSecond,
            double meanTpotMillis) {

        double attainment() {
            return (double) met / requests;
        }
    }

    /** With 64 KV slots. */
    Replay(DeviceCost cost, SchedulerConfig config, double horizonSeconds, long seed) {
        this(cost, config, 64, horizonSeconds, seed);
    }

    /** @param horizonSeconds after which nothing counts but how the requests that are left end */
    Replay(DeviceCost cost, SchedulerConfig config, int kvSlots, double horizonSeconds, long seed) {
        this(cost.noisy(new Random(seed)), config, kvSlots, horizonSeconds);
    }

    /** @param millis what an iteration takes */
    Replay(ToDoubleFunction<IterationInputs> millis, SchedulerConfig config, int kvSlots, double horizonSeconds) {
        KernelsConfig limits =
                new KernelsConfig(Dtype.FLOAT32, WeightForm.PLAIN, 1, kvSlots, CONTEXT, 1024, 4, 8, PACK, Stash.KEEP);
        this.device = new FakeDevice(config.deviceLimits(limits), millis);
        this.engine = new CoServingEngine(device, config, device::nanoTime, this);
        this.horizonSeconds = horizonSeconds;
    }

    /** Mini-batches of eight examples of 128 to 512 tokens. */
    Replay train() {
        return train(128, 512);
    }

    /** A job without end, in mini-batches of eight examples whose lengths are between these. */
    Replay train(int fewestTokens, int mostTokens) {
        Optional<Rejection> rejection = engine.submit(endlessJob(fewestTokens, mostTokens), new JobSink() {
            @Override
            public void start() {}

            @Override
            public void step(StepReport report) {}

            @Override
            public void found(Found found) {}

            @Override
            public void pruned(Pruned pruned) {}

            @Override
            public void measured(Measured measured) {}

            @Override
            public void examined(Trajectories trajectories) {}

            @Override
            public void grew(Grown grown) {}

            @Override
            public void checkpoint(JobCheckpoint checkpoint) {}

            @Override
            public void finish(JobOutcome outcome) {
                throw new AssertionError("the job ended: " + outcome);
            }
        });
        if (rejection.isPresent()) {
            throw new IllegalArgumentException(rejection.get().toString());
        }
        return this;
    }

    Outcome serve(List<Arrival> arrivals) {
        int next = 0;
        Random random = new Random(arrivals.size());
        while (inTime() || engine.openRequests() > 0) {
            while (next < arrivals.size() && arrivals.get(next).seconds() <= now()) {
                engine.submit(request(next, arrivals.get(next), random), new RecordingSink());
                next++;
            }
            boolean worked = engine.iterate();
            engine.checkIntegrity();
            if (!worked) {
                double until = next < arrivals.size() ? arrivals.get(next).seconds() : horizonSeconds;
                device.sleepMillis(1e3 * Math.max(0, until - now()) + 1e-3);
            }
        }
        List<RequestReport> answered =
                ends.stream().filter(end -> end.tokens() > 1).toList();
        return new Outcome(
                arrivals.size(),
                (int) ends.stream()
                        .filter(end -> end.attainment() == Attainment.MET)
                        .count(),
                outputTokens / horizonSeconds,
                trainedTokens / horizonSeconds,
                answered.stream()
                        .mapToDouble(end -> end.tpotNanos() / 1e6)
                        .average()
                        .orElse(0));
    }

    private double now() {
        return device.nanoTime() / NANOS;
    }

    private boolean inTime() {
        return now() < horizonSeconds;
    }

    private static InferenceRequest request(long id, Arrival arrival, Random random) {
        int prompt = Math.min(arrival.promptTokens(), CONTEXT - 1);
        return new InferenceRequest(
                id,
                arrival.caller(),
                random.ints(prompt, 0, 1000).toArray(),
                arrival.outputTokens(),
                List.of(),
                SamplingParams.GREEDY,
                StopRule.NONE);
    }

    private static FinetuneJob endlessJob(int fewestTokens, int mostTokens) {
        Random random = new Random(7);
        List<Example> examples = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            int[] tokens = random.ints(fewestTokens + random.nextInt(mostTokens - fewestTokens + 1), 0, 1000)
                    .toArray();
            examples.add(Example.text("", new TrainingPack.Sequence(tokens, tokens.clone())));
        }
        return new FinetuneJob(
                "job",
                "trainer",
                new LoraMethod(new LoraConfig(2, 4, false, Set.of(TargetModule.Q_PROJ), "")),
                List.of(),
                examples,
                List.of(),
                new Settings(
                        new Objective.Supervised(),
                        100_000,
                        8,
                        1e-3,
                        0,
                        LearningRateSchedule.CONSTANT,
                        7,
                        OptimizerConfig.DEFAULT,
                        Cadence.ENDS),
                1,
                Optional.empty());
    }

    @Override
    public void iteration(IterationReport report) {
        double backward = (double) report.backwardTokenLayers() / FakeDevice.LAYERS;
        trainedTokens += inTime() ? (report.forwardTokens() + backward) / 2 : 0;
    }

    @Override
    public void firstToken(long ttftNanos) {
        outputTokens += inTime() ? 1 : 0;
    }

    @Override
    public void nextToken(long itlNanos) {
        outputTokens += inTime() ? 1 : 0;
    }

    @Override
    public void requestEnded(RequestReport report) {
        ends.add(report);
    }
}
