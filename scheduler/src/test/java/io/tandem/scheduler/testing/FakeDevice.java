package io.tandem.scheduler.testing;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.KernelException;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.MemoryReport;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.PackProgress;
import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.learning.Estimate;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A device without a model. The next token is a hash of everything that the KV slot has really been given and under
 * which adapter, so a wrong slot, a wrong prefix or a mixed-up adapter changes the text; rules that no text would show
 * are checked and fail loudly. Time is virtual and passes only in {@link #run}.
 */
public final class FakeDevice implements DeviceModel {
    /** Of the model that it pretends to have. */
    public static final int LAYERS = 3;

    private static final int VOCAB = 1000;

    private final KernelsConfig limits;
    private final ToDoubleFunction<IterationInputs> millis;
    private final long[][] written;
    private final int[][] given;
    private final FakeLoops loops;
    private final Adapter[] slots;
    private final long[] hashes;
    private final Map<Integer, FakeTrainee> trainees = new TreeMap<>();
    private final FakeArena arena = new FakeArena();
    private final FakeText text = new FakeText(VOCAB);
    private long nanos;
    private FakeTrainee.Work work = FakeTrainee.Work.NONE;
    private int failures;
    private int latest = -1;
    private int spoilt = -1;
    private int broken = Integer.MAX_VALUE;
    private volatile int prepared;
    private Predicate<String> fails = method -> false;
    private final Map<String, Integer> failed = new TreeMap<>();

    /** @param millis what an iteration takes */
    public FakeDevice(KernelsConfig limits, ToDoubleFunction<IterationInputs> millis) {
        this.limits = limits;
        this.millis = millis;
        this.written = new long[limits.kvSlots()][limits.contextTokens()];
        this.given = new int[limits.kvSlots()][limits.contextTokens()];
        this.loops = new FakeLoops(limits.kvSlots(), limits.contextTokens());
        this.slots = new Adapter[limits.adapterSlots()];
        this.hashes = new long[limits.adapterSlots()];
    }

    public static KernelsConfig limits(int kvSlots, int contextTokens, int adapterSlots) {
        return new KernelsConfig(
                Dtype.FLOAT32, WeightForm.PLAIN, 1, kvSlots, contextTokens, 512, adapterSlots, 8, 256, Stash.KEEP);
    }

    /** Only one of so many tokens depends on all the text; the others follow from the token before, so texts repeat. */
    public void surpriseEvery(int tokens) {
        text.surpriseEvery(tokens);
    }

    /** The model becomes a recursive one, and how sure it is after a loop is as random as its text. */
    public void loops(int count) {
        loops.count(count);
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

    /** From now on a method fails whenever this says so; those that read constants or give something back never do. */
    public void failIf(Predicate<String> method) {
        fails = method;
    }

    /** From now on what the trainee learns that was opened last has a loss that is not a number. */
    public void spoilLatest() {
        spoilt = latest;
    }

    /** From now on opening a trainee, and each of its steps, are so many pieces of work, each of which takes so long. */
    public void slowSteps(int pieces, double millis) {
        work = new FakeTrainee.Work(pieces, (long) (millis * 1e6));
    }

    /** How often each method has failed. */
    public Map<String, Integer> failed() {
        return failed;
    }

    /** From now on iterations fail while a pack that learns from this token is in the arena. */
    public void breakAt(int token) {
        broken = token;
    }

    private void luck(String method) {
        if (fails.test(method)) {
            failed.merge(method, 1, Integer::sum);
            throw new KernelException("out of luck in " + method, new IllegalStateException());
        }
    }

    @Override
    public ModelConfig model() {
        ModelConfig.Builder model = ModelConfig.llama(LAYERS, 8, 2, 1, 4, 16, VOCAB)
                .architecture("Fake")
                .maxPositions(limits.contextTokens())
                .tied(true);
        return loops.of(model).build();
    }

    @Override
    public KernelsConfig limits() {
        return limits;
    }

    @Override
    public int memoryBoundRows() {
        return 16;
    }

    @Override
    public PreparedAdapter prepare(Adapter adapter) {
        prepared++;
        if (adapter.parameters() == 0) {
            throw new IllegalArgumentException("the adapter changes no module");
        }
        return prepared(adapter);
    }

    /** What a device would make of an adapter. */
    public static PreparedAdapter prepared(Adapter adapter) {
        return new PreparedAdapter(adapter, new TreeMap<>());
    }

    /** How many adapters were prepared. */
    public int preparations() {
        return prepared;
    }

    @Override
    public void putAdapter(int slot, PreparedAdapter adapter) {
        require(!trainees.containsKey(slot), "an adapter overwrites a trainee");
        require(learning().noneMatch(current -> current.uses(slot)), "an adapter below the trainee changes");
        slots[slot] = null;
        luck("putAdapter");
        // What trainees have in full has memory of its own.
        int modules = IntStream.range(0, slots.length)
                .filter(other -> slots[other] != null && !trainees.containsKey(other))
                .map(other -> slots[other].full().size())
                .sum();
        int own = adapter.adapter().full().size();
        require(own == 0 || modules + own <= limits.fullMatrices(), "more modules in full than there is room for");
        slots[slot] = adapter.adapter();
        hashes[slot] = FakeTrainee.hash(adapter.adapter());
    }

    @Override
    public void dropAdapter(int slot) {
        require(!trainees.containsKey(slot), "a trainee is dropped");
        slots[slot] = null;
    }

    @Override
    public void copyCache(int sourceSlot, int targetSlot, int first, int end) {
        require(sourceSlot != targetSlot && first < end, "nothing to copy");
        long[] source = written[sourceSlot];
        long[] target = written[targetSlot];
        require(source[end - 1] != 0, "keys are copied that were not written");
        require(first == 0 || target[first - 1] == source[first - 1], "keys are copied behind others");
        luck("copyCache");
        System.arraycopy(source, first, target, first, end - first);
    }

    @Override
    public void openTrainee(int slot, PreparedAdapter initial, OptimizerConfig optimizer) {
        require(!trainees.containsKey(slot), "two trainees in one slot");
        luck("openTrainee");
        slots[slot] = initial.adapter();
        trainees.put(slot, new FakeTrainee(initial.adapter(), optimizer.layered(), work));
        latest = slot;
    }

    @Override
    public void openTrainee(int slot, PreparedAdapter snapshot, OptimizerConfig optimizer, OptimizerState state) {
        openTrainee(slot, snapshot, optimizer);
        trainee(slot).restore(state);
    }

    @Override
    public OptimizerState optimizerState(int slot) {
        luck("optimizerState");
        return trainee(slot).state();
    }

    @Override
    public void scaleSequences(int number, double[] factors) {
        luck("scaleSequences");
        arena.pack(number).scale(factors);
    }

    @Override
    public void beginPack(int[] adapterSlots, TrainingPack next) {
        require(next.rows() <= limits.packTokens(), "the pack has " + next.rows() + " rows");
        require(learning().findAny().isEmpty(), "the packs before are not finished");
        luck("beginPack");
        arena.begin(pack(adapterSlots, next));
    }

    @Override
    public void joinPack(int[] adapterSlots, TrainingPack next) {
        luck("joinPack");
        arena.join(pack(adapterSlots, next), limits.packTokens());
        require(
                arena.packs()
                        .flatMapToInt(own -> Arrays.stream(own.slots()))
                        .allMatch(slot ->
                                slots[slot] == null || slots[slot].full().isEmpty()),
                "a pack with modules in full shares windows");
    }

    private FakePack pack(int[] adapterSlots, TrainingPack next) {
        require(next.rows() > 0, "the pack has no rows");
        boolean learns = next.purpose() == TrainingPack.Purpose.LEARN;
        for (int i = 0; i < adapterSlots.length; i++) {
            boolean last = i == adapterSlots.length - 1;
            require(slots[adapterSlots[i]] != null, "the pack uses an empty slot");
            require(last || !trainees.containsKey(adapterSlots[i]), "a trainee below a trainee");
            require(!learns || !last || trainees.containsKey(adapterSlots[i]), "a pack without a trainee learns");
            require(
                    !trainees.containsKey(adapterSlots[i])
                            || trainee(adapterSlots[i]).ready(),
                    "a pack before its trainee");
        }
        next.sequences().forEach(sequence -> requireVirtual(adapterSlots, Adapter::virtualRows, 0, sequence.tokens()));
        long stack = Arrays.stream(adapterSlots)
                .mapToLong(slot -> FakeTrainee.hash(slots[slot])
                        + (trainees.containsKey(slot) ? trainee(slot).suppression() : 0))
                .sum();
        int lowest = learns ? trainee(adapterSlots[adapterSlots.length - 1]).lowestLayer() : 0;
        return new FakePack(adapterSlots, next, stack, model().layers() - lowest);
    }

    @Override
    public void dropPack(int number) {
        arena.pack(number).drop();
    }

    @Override
    public PackProgress packProgress() {
        return arena.progress();
    }

    @Override
    public PackProgress packProgress(int number) {
        return arena.pack(number).progress();
    }

    @Override
    public IterationOutputs run(IterationInputs inputs) {
        nanos += (long) (millis.applyAsDouble(inputs) * 1e6);
        if (failures > 0) {
            failures--;
            throw new KernelException("out of luck", new IllegalStateException());
        }
        luck("run");
        if (inputs.training().isPresent() && learning().anyMatch(current -> current.has(broken))) {
            throw new KernelException("no luck with token " + broken, new IllegalStateException());
        }
        int rows = inputs.segments().stream().mapToInt(s -> s.tokens().length).sum();
        require(!inputs.oneLoop() || inputs.training().isEmpty(), "windows go through all loops");
        require(
                inputs.segments().stream().map(Segment::kvSlot).distinct().count()
                        == inputs.segments().size(),
                "a KV slot occurs twice");
        List<Draw> draws = new ArrayList<>();
        List<List<Draw>> scored = new ArrayList<>();
        List<float[]> states = new ArrayList<>();
        List<float[]> observed = new ArrayList<>();
        for (Segment segment : inputs.segments()) {
            long state = write(segment);
            segment.scoring().ifPresent(scoring -> scored.add(FakeText.known(scoring)));
            if (segment.pooled()) {
                states.add(new float[] {state});
            }
            int end = segment.start() + segment.tokens().length;
            if (segment.observed() > 0) {
                observed.add(observed(segment, end));
            }
            int at = end - segment.samplings().size();
            Optional<Draw> going = loops.run(segment, inputs.oneLoop());
            if (going.isPresent()) {
                draws.add(going.get());
                continue;
            }
            for (Sampling sampling : segment.samplings()) {
                draws.add(text.draw(written[segment.kvSlot()][at], given[segment.kvSlot()][at], sampling)
                        .after(loops.after(segment.kvSlot(), at)));
                at++;
            }
        }
        SequenceScores scores = SequenceScores.NONE;
        int learned = 0;
        if (inputs.training().isPresent()) {
            TrainingWork work = inputs.training().get();
            rows += work.forwardRows();
            learned = arena.learned(work.forwardRows());
            scores = arena.forward(work.forwardRows(), spoilt);
            arena.backward(work.backwardRowLayers())
                    .forEach(done -> trainee(done.traineeSlot()).addGradient(done.gradient()));
        }
        require(rows <= limits.maxTokensPerIteration(), rows + " rows in an iteration");
        return new IterationOutputs(draws, scored, states, observed, scores, learned);
    }

    private float[] observed(Segment segment, int end) {
        float[] inputs = new float[segment.observed()];
        for (int i = 0; i < inputs.length; i++) {
            inputs[i] = written[segment.kvSlot()][end - inputs.length + i];
        }
        return inputs;
    }

    private long write(Segment segment) {
        long[] slot = written[segment.kvSlot()];
        for (int adapter : segment.adapterSlots()) {
            require(!trainees.containsKey(adapter), "a request reads a trainee's slot");
        }
        require(segment.start() == 0 || slot[segment.start() - 1] != 0, "keys are missing before the segment");
        requireVirtual(segment.adapterSlots(), Adapter::virtualTokens, segment.start(), segment.tokens());
        long stack =
                IntStream.of(segment.adapterSlots()).mapToLong(i -> hashes[i]).sum();
        long state = segment.start() == 0 ? 1 : slot[segment.start() - 1];
        int at = segment.start();
        for (int token : segment.tokens()) {
            state = (state * 31 + token) * 0x9E3779B97F4A7C15L + stack;
            state = (state ^ (state >>> 29)) | 1;
            // What later loops have of a row that leaves early is something else.
            state += 2L * loops.leave(segment, at, state);
            given[segment.kvSlot()][at] = token;
            slot[at++] = state;
        }
        Arrays.fill(slot, at, slot.length, 0);
        return state;
    }

    /** Virtual tokens come first, all of them and no others. */
    private void requireVirtual(int[] adapterSlots, ToIntFunction<Adapter> own, int start, int[] tokens) {
        int virtual = Arrays.stream(adapterSlots)
                .mapToObj(slot -> Objects.requireNonNull(slots[slot]))
                .mapToInt(own)
                .sum();
        for (int i = 0; i < tokens.length; i++) {
            int at = start + i;
            boolean right = at < virtual ? tokens[i] == Prefix.token(at) : tokens[i] >= 0 && tokens[i] < VOCAB;
            require(right, "token " + tokens[i] + " at " + at + " of a sequence with " + virtual + " virtual tokens");
        }
    }

    @Override
    public void beginStep(int slot, double learningRate, double lossScale) {
        require(learning().noneMatch(current -> current.uses(slot)), "a step within a pack");
        luck("beginStep");
        slots[slot] = trainee(slot).beginStep(learningRate, lossScale);
    }

    @Override
    public boolean proceed(int slot, long duration) {
        luck("proceed");
        nanos += trainee(slot).proceed(duration);
        return trainee(slot).ready();
    }

    @Override
    public double endStep(int slot) {
        luck("endStep");
        trainee(slot).endStep();
        return 1;
    }

    @Override
    public void useRanks(int slot, int ranks) {
        require(learning().noneMatch(current -> current.uses(slot)), "other ranks within a pack");
        require(ranks >= 1 && ranks <= trainee(slot).weights().config().rank(), ranks + " ranks");
    }

    @Override
    public void learn(int slot, LearningPlan plan) {
        require(learning().noneMatch(current -> current.uses(slot)), "another plan within a pack");
        luck("learn");
        trainee(slot).learn(plan);
    }

    @Override
    public SortedMap<Site, Estimate> estimates(int slot, double lossScale) {
        luck("estimates");
        return trainee(slot).estimates();
    }

    @Override
    public SortedMap<Site, Double> importance(int slot) {
        require(trainees.containsKey(slot), "no trainee in slot " + slot);
        return new TreeMap<>();
    }

    @Override
    public void grow(int slot, SortedMap<Site, Integer> ranks, boolean complete) {
        throw new IllegalStateException("adapters of this device do not grow");
    }

    @Override
    public Adapter snapshot(int slot) {
        luck("snapshot");
        return trainee(slot).weights();
    }

    @Override
    public void closeTrainee(int slot) {
        trainees.remove(slot);
        slots[slot] = null;
        arena.packs().filter(current -> current.uses(slot)).forEach(FakePack::drop);
    }

    /** The packs whose gradients are not complete. */
    private Stream<FakePack> learning() {
        return arena.packs().filter(current -> current.learns() && current.unfinished());
    }

    /** Whether a trainee waits for the rest of its work. */
    public boolean preparing() {
        return trainees.values().stream().anyMatch(trainee -> !trainee.ready());
    }

    /** Adapters that learn now. */
    public int trainees() {
        return trainees.size();
    }

    private FakeTrainee trainee(int slot) {
        FakeTrainee trainee = trainees.get(slot);
        require(trainee != null, "no trainee in slot " + slot);
        return trainee;
    }

    @Override
    public MemoryReport memory() {
        return new MemoryReport(0, 0, 0, 0, 0);
    }

    @Override
    public void close() {}

    static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalStateException(message);
        }
    }
}
