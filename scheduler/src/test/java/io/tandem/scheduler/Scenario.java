package io.tandem.scheduler;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.adapter.learning.LearningPolicy;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.model.TargetModule;
import io.tandem.scheduler.SchedulerConfig.Drafts;
import io.tandem.scheduler.SchedulerConfig.Finetuning;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.FinetuneJob.Cadence;
import io.tandem.scheduler.finetune.FinetuneJob.Settings;
import io.tandem.scheduler.finetune.LearningRateSchedule;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.finetune.Objective.Supervised;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.InferenceRequest.Options;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.SamplingParams.Penalties;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.loop.IterationListener;
import io.tandem.scheduler.loop.IterationReport;
import io.tandem.scheduler.loop.RequestReport;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;

/** An engine over a {@link FakeDevice}, and random work for it. */
final class Scenario {
    private static final Speculation SPECULATION = new Speculation(Drafts.PROMPT_LOOKUP, 5);

    static final SchedulerConfig CONFIG = config(20, 64, 0, 1000, 10, 128);
    static final LoraConfig LORA = new LoraConfig(2, 4, false, Set.of(TargetModule.Q_PROJ), "");

    private static final double FLOOR = 0.05;

    final FakeDevice device;
    final CoServingEngine engine;
    final List<IterationReport> reports = new ArrayList<>();
    final List<RequestReport> ends = new ArrayList<>();
    boolean idle;

    /** @param limits without the slots that only jobs use */
    Scenario(KernelsConfig limits, SchedulerConfig config) {
        this(new FakeDevice(config.deviceLimits(limits), Scenario::millis), config);
    }

    Scenario(FakeDevice device, SchedulerConfig config) {
        this.device = device;
        this.engine = new CoServingEngine(device, config, device::nanoTime, new IterationListener() {
            @Override
            public void iteration(IterationReport report) {
                reports.add(report);
                idle = false;
            }

            @Override
            public void idle() {
                idle = true;
            }

            @Override
            public void firstToken(long ttftNanos) {}

            @Override
            public void nextToken(long itlNanos) {}

            @Override
            public void requestEnded(RequestReport report) {
                ends.add(report);
            }
        });
    }

    static SchedulerConfig config(
            double targetMillis, int chunk, int kvTokens, int queuedRequests, int queuedJobs, int maxWindow) {
        return config(targetMillis, chunk, kvTokens, queuedRequests, queuedJobs, maxWindow, SPECULATION);
    }

    static SchedulerConfig config(
            double targetMillis,
            int chunk,
            int kvTokens,
            int queuedRequests,
            int queuedJobs,
            int maxWindow,
            Speculation speculation) {
        return new SchedulerConfig(
                new Targets(targetMillis, 1000),
                new Finetuning(maxWindow, FLOOR, 0, Mode.CO_SERVING, 64),
                chunk,
                kvTokens,
                queuedRequests,
                queuedJobs,
                2,
                speculation);
    }

    /** The same with windows of so many rows. */
    static SchedulerConfig withFixedWindow(int rows) {
        Finetuning finetuning = new Finetuning(128, FLOOR, rows, Mode.CO_SERVING, 64);
        return new SchedulerConfig(CONFIG.targets(), finetuning, 64, 0, 1000, 10, 2, SPECULATION);
    }

    /** What iterations take here: a constant, and something for every row. */
    static double millis(IterationInputs inputs) {
        double rows = inputs.segments().stream()
                .mapToInt(segment -> segment.tokens().length)
                .sum();
        double forward = inputs.training().map(TrainingWork::forwardRows).orElse(0);
        double backward = inputs.training().map(TrainingWork::backwardRowLayers).orElse(0L);
        return 2 + 0.1 * rows + 0.15 * forward + 0.08 * backward;
    }

    /** Runs until nothing is left to do, checking the accounts after every iteration. */
    void runDry() {
        for (int i = 0; i < 200_000; i++) {
            boolean worked = engine.iterate();
            engine.checkIntegrity();
            if (!worked) {
                return;
            }
        }
        throw new AssertionError("still busy after 200,000 iterations");
    }

    static AdapterVersion version(long version) {
        float[] a = {version, 0, 0, 0, 0, 0, 0, 0};
        LowRank factors = new LowRank(1, 8, 8, a, new float[8], 1);
        ContentHash hash = new ContentHash(String.format("%016x%048x", version, 0));
        Adapter adapter = new Adapter(LORA, Map.of(new Site(0, TargetModule.Q_PROJ), factors));
        return new AdapterVersion("adapter-" + version, hash, FakeDevice.prepared(adapter));
    }

    /** An adapter that acts from these tokens on. */
    static AdapterVersion activated(long version, Invocation invocation) {
        Adapter whole = version(version).adapter();
        Adapter adapter = new Adapter(new ActivatedConfig(LORA, invocation), whole.modules());
        ContentHash hash = new ContentHash(String.format("%016x%048x", version, 2));
        return new AdapterVersion("activated-" + version, hash, FakeDevice.prepared(adapter));
    }

    /** An adapter of so many virtual tokens. */
    static AdapterVersion prompt(long version, int tokens) {
        float[] embeddings = new float[8 * tokens];
        embeddings[0] = version;
        ContentHash hash = new ContentHash(String.format("%016x%048x", version, 1));
        Adapter adapter = new Adapter(new PromptConfig(tokens, ""), Prompt.of(tokens, 8, embeddings));
        return new AdapterVersion("prompt-" + version, hash, FakeDevice.prepared(adapter));
    }

    static InferenceRequest request(long id, int[] prompt, int maxTokens, AdapterVersion... adapters) {
        return new InferenceRequest(
                id,
                InferenceRequest.SHARED_CALLER,
                prompt,
                maxTokens,
                List.of(adapters),
                SamplingParams.GREEDY,
                StopRule.NONE);
    }

    /** A random request: any prompt length that fits, often with a beginning that others share, half of them drawn. */
    static InferenceRequest request(Random random, long id, int context, int most, List<AdapterVersion> adapters) {
        int length = 1 + random.nextInt(context - 1);
        int[] prompt = new int[length];
        int family = random.nextInt(3);
        for (int i = 0; i < length; i++) {
            prompt[i] = i < length / 2 ? family : random.nextInt(1000);
        }
        List<AdapterVersion> stack = new ArrayList<>(adapters);
        Collections.shuffle(stack, random);
        stack = stack.subList(0, Math.min(Math.min(most, stack.size()), random.nextInt(3)));
        SamplingParams sampling = random.nextBoolean()
                ? SamplingParams.GREEDY
                : new SamplingParams(1, 0, 1, 0, random.nextLong(), new Penalties(0.5, 0.5, 1), Map.of(3, 1f), -1);
        return new InferenceRequest(
                id,
                InferenceRequest.SHARED_CALLER,
                prompt,
                1 + random.nextInt(40),
                stack,
                sampling,
                StopRule.at(Set.of(random.nextInt(1000))));
    }

    /** The same, but for options at random. */
    static InferenceRequest withOptions(Random random, InferenceRequest request) {
        return new InferenceRequest(
                request.id(),
                request.caller(),
                request.prompt(),
                request.maxTokens(),
                request.adapters(),
                request.sampling(),
                new StopRule(request.stop().tokens(), random.nextInt(10), random.nextBoolean()),
                new Options(random.nextInt(3) == 0 ? 3 : -1, random.nextInt(3), Optional.empty()));
    }

    /** The text of a request that has a device to itself. */
    static RecordingSink alone(InferenceRequest request, KernelsConfig limits, SchedulerConfig config) {
        Scenario scenario = new Scenario(limits, config);
        RecordingSink sink = new RecordingSink();
        scenario.engine.submit(request, sink).ifPresent(rejection -> {
            throw new AssertionError(rejection);
        });
        scenario.runDry();
        return sink;
    }

    /** A job of texts that is not measured. */
    static FinetuneJob job(String id, Random random, int examples, int epochs) {
        return job(id, texts(random, examples), List.of(), new Supervised(), epochs, Cadence.ENDS);
    }

    static FinetuneJob job(
            String id,
            List<Example> training,
            List<Example> validation,
            Objective objective,
            int epochs,
            Cadence cadence) {
        return job(id, training, validation, objective, epochs, cadence, LearningPolicy.EVERYTHING);
    }

    static FinetuneJob job(
            String id,
            List<Example> training,
            List<Example> validation,
            Objective objective,
            int epochs,
            Cadence cadence,
            LearningPolicy learning) {
        Settings settings = new Settings(
                objective,
                epochs,
                12,
                1e-3,
                2,
                LearningRateSchedule.COSINE,
                7,
                OptimizerConfig.DEFAULT,
                cadence,
                learning);
        return new FinetuneJob(
                id,
                InferenceRequest.SHARED_CALLER,
                new LoraMethod(LORA),
                List.of(),
                training,
                validation,
                settings,
                1,
                Optional.empty());
    }

    static List<Example> texts(Random random, int count) {
        return Stream.generate(() -> Example.text("ability" + random.nextInt(3), sequence(random)))
                .limit(count)
                .toList();
    }

    static List<Example> pairs(Random random, int count) {
        return Stream.generate(() -> Example.pair("", sequence(random), sequence(random)))
                .limit(count)
                .toList();
    }

    /** The examples, each under one of so many controls, which its ability names. */
    static List<Example> controlled(Random random, List<Example> examples, int controls) {
        return examples.stream()
                .map(example -> {
                    AdapterVersion control = version(10 + random.nextInt(controls));
                    return new Example(control.name(), Optional.of(control), example.sequences());
                })
                .toList();
    }

    private static TrainingPack.Sequence sequence(Random random) {
        int[] tokens = random.ints(2 + random.nextInt(30), 0, 1000).toArray();
        int[] labels = tokens.clone();
        labels[0] = TrainingPack.IGNORED;
        return new TrainingPack.Sequence(tokens, labels);
    }
}
