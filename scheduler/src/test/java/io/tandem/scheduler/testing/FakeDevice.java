package io.tandem.scheduler.testing;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.Dtype;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.BackwardWindow;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelException;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.MemoryReport;
import io.tandem.kernels.ModelConfig;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;

/**
 * A device without a model. The next token is a hash of everything that the KV slot has really been given and under
 * which adapter, so a wrong slot, a wrong prefix or a mixed-up adapter changes the text; rules that no text would show
 * are checked and fail loudly. Time is virtual and passes only in {@link #run}.
 */
public final class FakeDevice implements DeviceModel {
    private static final int VOCAB = 1000;

    private final KernelsConfig limits;
    private final ToDoubleFunction<IterationInputs> millis;
    private final long[][] written;
    private final Adapter[] slots;
    private final List<String> trainingLog = new ArrayList<>();
    private Optional<TraineeState> trainee = Optional.empty();
    private long nanos;
    private int failures;
    private int steps;

    /** @param millis what an iteration takes */
    public FakeDevice(KernelsConfig limits, ToDoubleFunction<IterationInputs> millis) {
        this.limits = limits;
        this.millis = millis;
        this.written = new long[limits.kvSlots()][limits.contextTokens()];
        this.slots = new Adapter[limits.adapterSlots()];
    }

    public static KernelsConfig limits(int kvSlots, int contextTokens, int adapterSlots) {
        return new KernelsConfig(Dtype.FLOAT32, 1, kvSlots, contextTokens, 512, adapterSlots, 8, 256, Stash.KEEP);
    }

    private static final class TraineeState {
        final int slot;
        int rows;
        int forward;
        int layer;
        int to;

        TraineeState(int slot) {
            this.slot = slot;
        }
    }

    public long nanoTime() {
        return nanos;
    }

    public void sleepMillis(double duration) {
        nanos += (long) (duration * 1e6);
    }

    /** The next iterations fail. */
    public void failNext(int count) {
        failures = count;
    }

    /** Packs and steps of all jobs, in order. */
    public List<String> trainingLog() {
        return trainingLog;
    }

    @Override
    public ModelConfig model() {
        return new ModelConfig(
                "Fake",
                3,
                8,
                2,
                1,
                4,
                16,
                VOCAB,
                limits.contextTokens(),
                1e-5,
                1e4,
                Optional.empty(),
                false,
                false,
                false,
                false,
                true);
    }

    @Override
    public KernelsConfig limits() {
        return limits;
    }

    @Override
    public void putAdapter(int slot, Adapter adapter) {
        require(trainee.isEmpty() || trainee.get().slot != slot, "an adapter overwrites the trainee");
        if (adapter.modules().isEmpty()) {
            throw new IllegalArgumentException("the adapter changes no module");
        }
        slots[slot] = adapter;
    }

    @Override
    public void openTrainee(int slot, Adapter initial, OptimizerConfig optimizer) {
        require(trainee.isEmpty(), "two trainees");
        slots[slot] = initial;
        trainee = Optional.of(new TraineeState(slot));
        trainingLog.add("open");
    }

    @Override
    public void openTrainee(int slot, Adapter snapshot, OptimizerConfig optimizer, OptimizerState state) {
        openTrainee(slot, snapshot, optimizer);
        steps = state.steps();
    }

    @Override
    public OptimizerState optimizerState(int slot) {
        trainee(slot);
        return new OptimizerState(steps, new TreeMap<>());
    }

    @Override
    public void scaleSequences(double[] factors) {
        throw new UnsupportedOperationException("this device learns from single tokens only");
    }

    @Override
    public void beginPack(int[] adapterSlots, TrainingPack pack) {
        TraineeState state = trainee(adapterSlots[adapterSlots.length - 1]);
        require(pack.rows() <= limits.packTokens() && pack.rows() > 0, "the pack has " + pack.rows() + " rows");
        require(state.layer < 0 || state.rows == 0, "the pack before is not finished");
        state.rows = pack.rows();
        state.forward = 0;
        state.layer = model().layers() - 1;
        state.to = pack.rows();
        trainingLog.add("pack "
                + Arrays.deepHashCode(pack.sequences().stream()
                        .map(TrainingPack.Sequence::tokens)
                        .toArray()));
    }

    @Override
    public IterationOutputs run(IterationInputs inputs) {
        nanos += (long) (millis.applyAsDouble(inputs) * 1e6);
        if (failures > 0) {
            failures--;
            throw new KernelException("out of luck", new IllegalStateException());
        }
        int rows = inputs.segments().stream().mapToInt(s -> s.tokens().length).sum();
        require(
                inputs.segments().stream().map(Segment::kvSlot).distinct().count()
                        == inputs.segments().size(),
                "a KV slot occurs twice");
        List<Draw> draws = new ArrayList<>();
        for (Segment segment : inputs.segments()) {
            long state = write(segment);
            segment.sampling().ifPresent(sampling -> draws.add(draw(state, sampling)));
        }
        double loss = 0;
        if (inputs.training().isPresent()) {
            TrainingWork work = inputs.training().get();
            rows += work.forwardTo() - work.forwardFrom();
            loss = train(work);
        }
        require(rows <= limits.maxTokensPerIteration(), rows + " rows in an iteration");
        int learned = loss > 0 ? (int) loss : 0;
        return new IterationOutputs(draws, new double[] {loss}, learned);
    }

    private long write(Segment segment) {
        long[] slot = written[segment.kvSlot()];
        require(segment.start() == 0 || slot[segment.start() - 1] != 0, "keys are missing before the segment");
        long stack = Arrays.stream(segment.adapterSlots())
                .mapToLong(index -> System.identityHashCode(Objects.requireNonNull(slots[index])))
                .sum();
        long state = segment.start() == 0 ? 1 : slot[segment.start() - 1];
        int at = segment.start();
        for (int token : segment.tokens()) {
            state = (state * 31 + token) * 0x9E3779B97F4A7C15L + stack;
            state = (state ^ (state >>> 29)) | 1;
            slot[at++] = state;
        }
        Arrays.fill(slot, at, slot.length, 0);
        return state;
    }

    private static Draw draw(long state, Sampling sampling) {
        long mixed = sampling.temperature() == 0 ? state : state + (long) (sampling.uniform() * 1e15);
        int token = (int) Math.floorMod(mixed * 0xBF58476D1CE4E5B9L >>> 20, (long) VOCAB);
        return new Draw(token, Float.NaN, new int[0], new float[0]);
    }

    private double train(TrainingWork work) {
        TraineeState state = trainee.orElseThrow();
        require(work.forwardFrom() == state.forward || work.forwardFrom() == work.forwardTo(), "forward out of order");
        state.forward = Math.max(state.forward, work.forwardTo());
        require(state.forward <= state.rows, "forward beyond the pack");
        for (BackwardWindow window : work.backward()) {
            require(state.forward == state.rows, "backward before the whole pack went forward");
            require(window.layer() == state.layer && window.to() == state.to, "backward out of order");
            require(window.from() < window.to() && window.from() >= 0, "an empty window");
            state.to = window.from();
            if (state.to == 0) {
                state.layer--;
                state.to = state.rows;
            }
        }
        return work.forwardTo() - work.forwardFrom();
    }

    @Override
    public double optimizerStep(int slot, double learningRate, double lossScale) {
        TraineeState state = trainee(slot);
        require(state.layer < 0, "a step before the pack went backward");
        steps++;
        trainingLog.add(String.format("step %.6g %.6g", learningRate, lossScale));
        return 1;
    }

    @Override
    public Adapter snapshot(int slot) {
        trainee(slot);
        return slots[slot];
    }

    @Override
    public void closeTrainee(int slot) {
        trainee = Optional.empty();
    }

    private TraineeState trainee(int slot) {
        return trainee.filter(state -> state.slot == slot)
                .orElseThrow(() -> new IllegalStateException("no trainee in slot " + slot));
    }

    @Override
    public MemoryReport memory() {
        return new MemoryReport(0, 0, 0, 0, 0);
    }

    @Override
    public void close() {}

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalStateException(message);
        }
    }
}
