package io.tandem.scheduler.finetune;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.learning.LearningPolicy;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.InferenceRequest;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * One adapter to train from examples. A job without any to learn only measures its validation examples, with the adapters
 * that it stands on and nothing on top.
 *
 * @param id unique in the process
 * @param caller on whose account it trains; {@link InferenceRequest#SHARED_CALLER} if nobody said
 * @param method how its adapter is trained
 * @param under frozen adapters that the job's rows use too, with those of {@link Example#control} at most
 *     {@link #MAX_UNDER}; whoever serves the result stacks it on them
 * @param training examples to learn; the sequences of each fit into the context, and all of them into a pack
 * @param validation examples whose loss is measured from time to time; may be empty if there are some to learn
 * @param settings how to train
 * @param weight share of the fine-tuning tokens, in proportion to the weights of other jobs
 * @param resumeFrom where an earlier run of the same job got to
 * @param start what its adapter starts with; if empty, the engine thread makes it
 */
public record FinetuneJob(
        String id,
        String caller,
        PeftMethod method,
        List<AdapterVersion> under,
        List<Example> training,
        List<Example> validation,
        Settings settings,
        double weight,
        Optional<JobCheckpoint> resumeFrom,
        Optional<PreparedAdapter> start) {

    /** Most adapters below a trainee in one pack. */
    public static final int MAX_UNDER = 2;

    /**
     * @param objective what the job makes smaller
     * @param epochs passes over the examples
     * @param batchSize examples between two optimizer steps
     * @param learningRate at its highest
     * @param warmupSteps optimizer steps during which the learning rate rises linearly to its highest
     * @param schedule of the learning rate after warm-up
     * @param seed of the initial weights and of the order of examples
     * @param optimizer its constants
     * @param cadence what happens between steps
     * @param learning which of the adapter's parameters learn in a step
     */
    public record Settings(
            Objective objective,
            int epochs,
            int batchSize,
            double learningRate,
            int warmupSteps,
            LearningRateSchedule schedule,
            long seed,
            OptimizerConfig optimizer,
            Cadence cadence,
            LearningPolicy learning) {

        /** Those of a job whose parameters all learn in every step. */
        public Settings(
                Objective objective,
                int epochs,
                int batchSize,
                double learningRate,
                int warmupSteps,
                LearningRateSchedule schedule,
                long seed,
                OptimizerConfig optimizer,
                Cadence cadence) {
            this(
                    objective,
                    epochs,
                    batchSize,
                    learningRate,
                    warmupSteps,
                    schedule,
                    seed,
                    optimizer,
                    cadence,
                    LearningPolicy.EVERYTHING);
        }

        /** The beginning of the same course. */
        public Settings endingAfter(int steps) {
            return new Settings(
                    objective,
                    epochs,
                    batchSize,
                    learningRate,
                    warmupSteps,
                    schedule,
                    seed,
                    optimizer,
                    cadence.endingAfter(steps),
                    learning);
        }
    }

    /**
     * @param checkpointEvery steps between two checkpoints; 0 means none but those at the ends of epochs
     * @param checkpointEpochs whether the end of an epoch has a checkpoint
     * @param measureEvery steps between two measurements of the validation loss; 0 means only before the first step and
     *     after the last
     * @param patience measurements in a row without a smaller loss after which the job ends; 0 means never
     * @param keepBest whether the job's result is the adapter with the smallest measured loss instead of the last
     * @param examinations how often each training example's loss is measured over the whole job; such a job has a checkpoint
     *     at its end. 0 means never
     * @param end steps after which the job ends, with a checkpoint, although its schedule goes on; 0 means with the schedule
     */
    public record Cadence(
            int checkpointEvery,
            boolean checkpointEpochs,
            int measureEvery,
            int patience,
            boolean keepBest,
            int examinations,
            int end) {
        /** Measures at both ends, keeps nothing. */
        public static final Cadence ENDS = new Cadence(0, false, 0, 0, false);

        /** Of a job that neither examines nor ends before its schedule. */
        public Cadence(
                int checkpointEvery, boolean checkpointEpochs, int measureEvery, int patience, boolean keepBest) {
            this(checkpointEvery, checkpointEpochs, measureEvery, patience, keepBest, 0, 0);
        }

        /** The same with so many examinations. */
        public Cadence examining(int times) {
            return new Cadence(checkpointEvery, checkpointEpochs, measureEvery, patience, keepBest, times, end);
        }

        private Cadence endingAfter(int steps) {
            return new Cadence(
                    checkpointEvery, checkpointEpochs, measureEvery, patience, keepBest, examinations, steps);
        }
    }

    public FinetuneJob {
        under = List.copyOf(under);
        training = List.copyOf(training);
        validation = List.copyOf(validation);
        if (!(weight > 0)) {
            throw new IllegalArgumentException("the weight of job " + id + " is " + weight + ", expected more than 0");
        }
    }

    /** A job whose adapter starts with what the engine thread makes. */
    public FinetuneJob(
            String id,
            String caller,
            PeftMethod method,
            List<AdapterVersion> under,
            List<Example> training,
            List<Example> validation,
            Settings settings,
            double weight,
            Optional<JobCheckpoint> resumeFrom) {
        this(id, caller, method, under, training, validation, settings, weight, resumeFrom, Optional.empty());
    }

    /** A job that only measures what adapters that answer together make of texts. */
    public static FinetuneJob measuring(String id, List<AdapterVersion> adapters, List<Example> texts) {
        Settings settings = new Settings(
                new Objective.Supervised(),
                0,
                1,
                0,
                0,
                LearningRateSchedule.CONSTANT,
                0,
                OptimizerConfig.DEFAULT,
                Cadence.ENDS);
        PeftMethod nothing = new LoraMethod(new LoraConfig(1, 1, false, Set.of(), ""));
        return new FinetuneJob(
                id, InferenceRequest.SHARED_CALLER, nothing, adapters, List.of(), texts, settings, 1, Optional.empty());
    }

    /** What lies below the trainee in an example's rows, the lowest first. */
    public List<AdapterVersion> below(Example example) {
        return Stream.concat(under.stream(), example.control().stream()).toList();
    }

    /**
     * An example as the device gets it: after the virtual tokens that run, and with where each of the adapters acts.
     *
     * @param learned whether the trainee is one of them
     */
    public Example prepared(Example example, boolean learned) {
        int virtual = below(example).stream()
                .mapToInt(version -> version.adapter().virtualRows())
                .sum();
        List<Optional<Invocation>> invocations = Stream.concat(
                        below(example).stream().map(version -> version.adapter().invocation()),
                        learned ? Stream.of(method.config().invocation()) : Stream.empty())
                .toList();
        return example.after(virtual + (learned ? method.virtualRows() : 0)).acting(invocations);
    }

    /** Positions before such an example's first row: those of virtual tokens that do not run. */
    public int before(Example example, boolean learned) {
        int own = learned ? method.virtualTokens() - method.virtualRows() : 0;
        return own
                + below(example).stream()
                        .map(AdapterVersion::adapter)
                        .mapToInt(adapter -> adapter.virtualTokens() - adapter.virtualRows())
                        .sum();
    }

    /** Most frozen adapters that the rows of a pack use. */
    public int mostFrozen() {
        boolean controlled = Stream.concat(training.stream(), validation.stream())
                .anyMatch(example -> example.control().isPresent());
        return under.size() + (controlled ? 1 : 0);
    }

    /** Whether there is anything to learn. */
    public boolean trains() {
        return !training.isEmpty();
    }

    /** The same job, from there on. It still has what it {@link #start starts} with if it starts as before. */
    public FinetuneJob from(Optional<JobCheckpoint> checkpoint) {
        Optional<PreparedAdapter> kept = checkpoint.equals(resumeFrom) ? start : Optional.empty();
        return new FinetuneJob(id, caller, method, under, training, validation, settings, weight, checkpoint, kept);
    }

    /** The same job, whose adapter starts with these weights: those of {@link #initialAdapter}. */
    public FinetuneJob starting(PreparedAdapter weights) {
        return new FinetuneJob(
                id, caller, method, under, training, validation, settings, weight, resumeFrom, Optional.of(weights));
    }

    /** The same job without the weights that it {@link #start starts} with, once the device has them. */
    public FinetuneJob started() {
        return new FinetuneJob(id, caller, method, under, training, validation, settings, weight, resumeFrom);
    }

    /** The checkpoint's adapter, or a new one, which takes time in proportion to its parameters. */
    public Adapter initialAdapter(ModelConfig model) {
        return resumed().orElseGet(() -> method.start(model, settings.seed()));
    }

    /** The same with the frozen weights at hand, which takes long if the method starts from those. */
    public Adapter initialAdapter(ModelConfig model, BaseWeights weights) {
        return resumed().orElseGet(() -> method.start(model, weights, settings.seed()));
    }

    private Optional<Adapter> resumed() {
        return resumeFrom.map(checkpoint -> method.resume(checkpoint.adapter(), checkpoint.optimizer()::numbers));
    }

    /** Optimizer steps in one pass over the examples; the last one may have fewer examples. */
    public int stepsPerEpoch() {
        return (training.size() + settings.batchSize() - 1) / settings.batchSize();
    }

    /** Optimizer steps from start to end of its schedule. */
    public int totalSteps() {
        return stepsPerEpoch() * settings.epochs();
    }

    /** The step that it ends with, unless it ends early for want of progress. */
    public int lastStep() {
        int end = settings.cadence().end();
        return end > 0 ? Math.min(end, totalSteps()) : totalSteps();
    }
}
