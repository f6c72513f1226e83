package io.tandem.kernels.decoder;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.MemoryReport;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.PackProgress;
import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.learning.Estimate;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.decoder.AdapterSlots.Virtual;
import io.tandem.kernels.decoder.ScriptObjects.ArenaObject;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.decoder.ScriptObjects.PackObject;
import io.tandem.kernels.decoder.ScriptObjects.TeacherObject;
import io.tandem.kernels.device.ContextLength;
import io.tandem.kernels.device.DeviceProfile;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.tensor.Lanes;
import io.tandem.kernels.tensor.NativeEngine;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The decoder of {@code decoder.py} on a CPU.
 *
 * <p>Everything that lives longer than an iteration is an object of the TorchScript sources, owned by one scope that
 * closes with this; an iteration opens a scope of its own for its inputs and results. So native memory changes only
 * when a trainee opens or closes.
 */
public final class TorchScriptDecoder implements DeviceModel {
    private final ModelConfig model;
    private final KernelsConfig limits;
    private final AdapterLayout layout;
    private final TensorScope owned;
    private final DecoderScript script;
    private final ModelObject weights;
    private final CacheSlots cache;
    private final AdapterSlots adapters;
    private final WrittenPrefixes prefixes;
    private final Map<Integer, Trainee> trainees = new TreeMap<>();
    private final InferenceLanes inferenceLanes;
    private final Lanes lanes;
    private final TensorScope trainingScope;
    private ArenaObject arena;
    private final TeacherObject teacher;
    private final Optional<ModelConfig> teaches;
    private boolean arenaReserved;
    private boolean backwardPrepared;
    private PackRows pack = PackRows.EMPTY;
    private PackLanes packLanes;
    /** The first layer that the pack's rows go through. */
    private int firstLayer;

    private TorchScriptDecoder(
            Checkpoint checkpoint,
            ModelConfig model,
            KernelsConfig limits,
            Supplier<DecoderScript> scripts,
            LoadProgress progress) {
        this.model = model;
        this.limits = limits;
        this.layout = new AdapterLayout(model);
        NativeEngine.useThreads(limits.threads());
        owned = TensorScope.root();
        script = scripts.get();
        weights = new ModelLoader(script, checkpoint, model, limits, progress).load(owned);
        cache = new CacheSlots(script, owned, weights, limits);
        adapters = new AdapterSlots(script, owned, weights, layout, model, limits);
        prefixes = new WrittenPrefixes(script, owned, adapters, cache);
        inferenceLanes = InferenceLanes.of(model, limits);
        lanes = new Lanes(limits.lanes(), inferenceLanes.threads());
        trainingScope = owned.open();
        arena = newArena(0);
        teacher = script.newTeacher(owned);
        teaches = limits.teacher().map(files -> teach(ModelSource.open(files), progress));
        packLanes = new PackLanes(pack, model.layers(), model.layers());
    }

    /** @param lowest layer of those that learn */
    private void use(PackRows next, int lowest) {
        pack = next;
        BitSet skipped = adapters.skipped(next.adapterSlots());
        int[] layers = IntStream.iterate(model.layers() - 1, layer -> layer >= 0, layer -> layer - 1)
                .filter(layer -> !skipped.get(layer))
                .toArray();
        // The last one at least, so that there is a backward pass.
        int[] backward = IntStream.range(0, layers.length)
                .filter(i -> i == 0 || layers[i] >= lowest)
                .map(i -> layers[i])
                .toArray();
        firstLayer = layers[layers.length - 1];
        packLanes = new PackLanes(next, layers.length, backward);
    }

    /**
     * Loads a model.
     *
     * @param limits {@code contextTokens} is cut to what the model was made for; where it is open, and so a type or form of
     *     weights, it is chosen for this machine
     * @throws io.tandem.kernels.weights.ModelFormatException if its files are missing, damaged or of a kind
     *     that is not supported
     * @throws UnsupportedOperationException if this machine cannot compute in the given type
     */
    public static TorchScriptDecoder load(ModelFiles files, KernelsConfig limits, LoadProgress progress) {
        return load(files, limits, DecoderScript::new, progress);
    }

    /** @param scripts compiles the sources, and says which device they run on */
    static TorchScriptDecoder load(
            ModelFiles files, KernelsConfig limits, Supplier<DecoderScript> scripts, LoadProgress progress) {
        ModelConfig model = ModelConfigReader.read(files.config());
        Checkpoint checkpoint = files.weights();
        DeviceProfile machine = DeviceProfile.ofThisMachine();
        KernelsConfig resolved = machine.resolve(limits, model);
        int context = ContextLength.choose(model, resolved, machine.memoryBytes());
        return NativeEngine.onPassingThread(() ->
                new TorchScriptDecoder(checkpoint, model, resolved.withContextTokens(context), scripts, progress));
    }

    @Override
    public ModelConfig model() {
        return model;
    }

    @Override
    public KernelsConfig limits() {
        return limits;
    }

    @Override
    public int memoryBoundRows() {
        return DeviceProfile.ofThisMachine().memoryBoundRows(limits.dtype(), limits.weights());
    }

    @Override
    public PreparedAdapter prepare(Adapter adapter) {
        return layout.prepare(adapter, limits.maxRank(), limits.dtype());
    }

    @Override
    public void putAdapter(int slot, PreparedAdapter adapter) {
        adapters.put(slot, adapter);
    }

    @Override
    public void copyCache(int sourceSlot, int targetSlot, int first, int end) {
        cache.copy(sourceSlot, targetSlot, first, end);
    }

    @Override
    public void openTrainee(int slot, PreparedAdapter initial, OptimizerConfig optimizer) {
        open(slot, initial, optimizer);
    }

    @Override
    public void openTrainee(int slot, PreparedAdapter snapshot, OptimizerConfig optimizer, OptimizerState state) {
        Trainee trainee = open(slot, snapshot, optimizer);
        try {
            trainee.restore(state);
        } catch (IllegalArgumentException e) {
            closeTrainee(slot);
            throw e;
        }
    }

    private Trainee open(int slot, PreparedAdapter initial, OptimizerConfig optimizer) {
        reserveArena();
        prepareBackward();
        closeTrainee(slot);
        TensorScope scope = owned.open();
        try {
            PreparedAdapter first = new PrefixStart(script, scope, weights, model, limits.contextTokens())
                    .fill(initial, adapters, arena);
            Trainee trainee =
                    new Trainee(script, scope, adapters, slot, first, layout, optimizer, lanes, limits.dtype());
            trainees.put(slot, trainee);
            return trainee;
        } catch (RuntimeException | Error e) {
            scope.close();
            throw e;
        }
    }

    /** Loads the teacher. */
    private ModelConfig teach(ModelFiles files, LoadProgress progress) {
        ModelConfig other = ModelConfigReader.read(files.config());
        if (other.vocab() != model.vocab()) {
            throw ModelFormatException.in(
                    files.path(),
                    "is to teach a model with a vocabulary of " + model.vocab() + ", and has one of " + other.vocab());
        }
        try (TensorScope call = owned.open()) {
            ModelObject loaded = new ModelLoader(script, files.weights(), other, limits, progress).load(call);
            script.setTeacher(call, teacher, loaded, AdapterSlots.sizes(other), limits.packTokens(), other.ffn());
        }
        return other;
    }

    private void prepareBackward() {
        if (!backwardPrepared) {
            try (TensorScope call = owned.open()) {
                script.prepareBackward(call, weights);
            }
            backwardPrepared = true;
        }
    }

    private void reserveArena() {
        if (!arenaReserved) {
            arena = newArena(limits.packTokens());
            arenaReserved = true;
        }
    }

    @Override
    public void beginPack(int[] adapterSlots, TrainingPack next) {
        boolean learns = next.purpose() == TrainingPack.Purpose.LEARN;
        int lowest = learns ? trainee(adapterSlots[adapterSlots.length - 1]).lowestLayer() : 0;
        if (next.rows() > limits.packTokens()) {
            throw new IllegalArgumentException(
                    "a pack of " + next.rows() + " tokens, kernels.pack-tokens is " + limits.packTokens());
        }
        next.sequences()
                .forEach(sequence ->
                        requireActs(sequence.actsFrom(), adapterSlots, next.purpose() == TrainingPack.Purpose.LEARN));
        if (!adapters.skipped(adapterSlots).isEmpty()) {
            next.sequences().forEach(sequence -> requireWhole(sequence.actsFrom()));
        }
        Virtual virtual = adapters.virtual(adapterSlots);
        next.sequences().forEach(sequence -> requireVirtual(sequence.tokens(), virtual.running()));
        reserveArena();
        int written = virtual.written();
        use(new PackRows(adapterSlots.clone(), written, next, limits.lanes()), lowest);
        try (TensorScope call = owned.open()) {
            script.beginPack(call, arena, virtual.slot(), written);
        }
    }

    /** Gradients pass through what lies below a trainee in all of its rows. */
    private static void requireActs(int[] actsFrom, int[] adapterSlots, boolean learns) {
        boolean complete = actsFrom.length == 0 || actsFrom.length == adapterSlots.length;
        boolean wholeBelow = !learns
                || Arrays.stream(actsFrom).limit(adapterSlots.length - 1L).allMatch(from -> from == 0);
        if (!complete || !wholeBelow) {
            throw new IllegalArgumentException("a sequence whose adapters act from " + Arrays.toString(actsFrom)
                    + " on, in a pack of " + adapterSlots.length + (learns ? " to learn" : " to measure"));
        }
    }

    /** Rows of a window go through the same layers. */
    private static void requireWhole(int[] actsFrom) {
        if (Arrays.stream(actsFrom).anyMatch(from -> from > 0)) {
            throw new IllegalArgumentException(
                    "an adapter that acts on a part of a sequence, with one whose rows skip layers");
        }
    }

    /** What is learned of virtual tokens is found by their place at the beginning of a sequence. */
    private static void requireVirtual(int[] tokens, int virtual) {
        for (int i = 0; i < Math.max(virtual, tokens.length); i++) {
            int expected = i < virtual ? Prefix.token(i) : 0;
            boolean right = i < tokens.length && (i < virtual ? tokens[i] == expected : tokens[i] >= 0);
            if (!right) {
                throw new IllegalArgumentException(
                        "a sequence of a pack does not begin with the " + virtual + " virtual tokens of its adapters");
            }
        }
    }

    @Override
    public void scaleSequences(double[] factors) {
        if (factors.length != pack.sequences()) {
            throw new IllegalArgumentException(factors.length + " factors for " + pack.sequences() + " sequences");
        }
        float[] rows = new float[pack.rows()];
        for (int row = 0; row < rows.length; row++) {
            rows[row] = (float) factors[pack.sequence(row)];
        }
        try (TensorScope call = owned.open()) {
            script.scaleRows(call, arena, call.tensor(rows, rows.length, 1));
        }
    }

    @Override
    public PackProgress packProgress() {
        return packLanes.progress();
    }

    @Override
    public IterationOutputs run(IterationInputs all) {
        IterationInputs inputs = prefixes.others(all);
        PackLanes.Split split = inputs.training().isPresent()
                ? packLanes.split(inputs)
                : inferenceLanes.split(inputs.segments(), packLanes);
        int capacity = limits.contextTokens();
        IterationCheck.check(inputs.segments(), adapters);
        List<Depth> depths = split.parts().stream()
                .map(part -> Depth.of(part.segments(), part.windows(), pack, adapters, model.layers(), capacity))
                .toList();
        List<RowEncoder> rows = depths.stream().map(Depth::all).toList();
        IterationCheck.check(inputs.segments(), rows, model, limits, pack);
        List<long[]> virtual = rows.stream()
                .map(part -> part.virtual(adapters, limits.maxRank()))
                .toList();
        cache.prepare(all.segments());
        prefixes.write(all.segments());
        int[][] rowSlots =
                rows.stream().flatMap(part -> Arrays.stream(part.adapterSlots)).toArray(int[][]::new);
        boolean mixed = rowSlots.length > 0 && adapters.activate(rowSlots);
        List<Supplier<IterationOutputs>> calls = new ArrayList<>();
        for (int i = 0; i < rows.size(); i++) {
            PackLanes.Part part = split.parts().get(i);
            Depth depth = depths.get(i);
            long[] placed = virtual.get(i);
            PackObject joined = adapters.pack(i, depth);
            calls.add(() -> run(part, depth, placed, joined, mixed));
        }
        List<IterationOutputs> outputs = split.even() ? lanes.together(calls) : lanes.inTurn(calls);
        packLanes = split.next();
        return split.join(outputs);
    }

    /** @param mixed whether the rows of all lanes together differ in their adapters */
    private IterationOutputs run(PackLanes.Part part, Depth depth, long[] virtual, PackObject joined, boolean mixed) {
        IterationOutputs outputs = new IterationOutputs(List.of(), List.of(), List.of(), SequenceScores.NONE, 0);
        try (TensorScope scope = owned.open()) {
            if (depth.all().tokens.length > 0) {
                SamplingRows sampling = new SamplingRows(part.segments(), depth.all().lastRows, model.vocab());
                outputs = new IterationCall(script, scope, weights, cache.value(), adapters, joined, arena, teacher)
                        .run(
                                part.segments(),
                                part.windows(),
                                depth,
                                sampling,
                                pack,
                                model.hidden(),
                                model.layers(),
                                virtual,
                                mixed,
                                distils());
            }
            if (!part.windows().backward().isEmpty()) {
                runBackward(scope, part.windows(), part.lane());
            }
            return outputs;
        }
    }

    /** Whether the pack learns from the teacher. */
    private boolean distils() {
        return pack.learns() && pack.rows() > 0 && trainee(pack.traineeSlot()).distils();
    }

    private void runBackward(TensorScope scope, PackWindows windows, int lane) {
        long[] stack = Arrays.stream(pack.adapterSlots()).asLongStream().toArray();
        script.backward(
                scope,
                weights,
                adapters.value(),
                trainee(pack.traineeSlot()).value(),
                lane,
                adapters.slots(stack),
                arena,
                BackwardUnits.encode(windows.backward(), pack),
                firstLayer);
    }

    @Override
    public double optimizerStep(int slot, double learningRate, double lossScale) {
        return trainee(slot).step(learningRate, lossScale);
    }

    @Override
    public void useRanks(int slot, int ranks) {
        trainee(slot).useRanks(ranks);
    }

    @Override
    public SortedMap<Site, Double> importance(int slot) {
        return trainee(slot).importance();
    }

    @Override
    public void grow(int slot, SortedMap<Site, Integer> ranks, boolean complete) {
        trainee(slot).grow(ranks, complete);
    }

    @Override
    public void learn(int slot, LearningPlan plan) {
        if (plan.distils() && teaches.isEmpty()) {
            throw new IllegalArgumentException("there is no teacher to learn from");
        }
        trainee(slot).learn(plan);
    }

    @Override
    public SortedMap<Site, Estimate> estimates(int slot, double lossScale) {
        return trainee(slot).estimates(lossScale);
    }

    @Override
    public Adapter snapshot(int slot) {
        return trainee(slot).snapshot();
    }

    @Override
    public OptimizerState optimizerState(int slot) {
        return trainee(slot).state();
    }

    /** The gradients added up since the last step, laid out like the adapter; for tests. */
    Adapter gradients(int slot) {
        return trainee(slot).gradients();
    }

    @Override
    public void closeTrainee(int slot) {
        @Nullable Trainee closing = trainees.remove(slot);
        if (closing != null) {
            closing.close();
        }
        if (pack.uses(slot)) {
            use(PackRows.EMPTY, 0);
        }
    }

    private Trainee trainee(int slot) {
        @Nullable Trainee trainee = trainees.get(slot);
        if (trainee == null) {
            throw new IllegalStateException("no adapter learns in slot " + slot);
        }
        return trainee;
    }

    private ArenaObject newArena(int rows) {
        return script.newArena(
                trainingScope, weights, rows, model.ffn(), limits.stash().code(), MemoryPlan.logitsChunk(model));
    }

    @Override
    public MemoryReport memory() {
        MemoryPlan plan = MemoryPlan.serving(model, limits);
        if (teaches.isPresent()) {
            plan = plan.plus(MemoryPlan.teacher(teaches.get(), limits));
        }
        if (arenaReserved) {
            plan = plan.plus(MemoryPlan.arena(model, limits));
        }
        for (Trainee trainee : trainees.values()) {
            plan = plan.plus(trainee.memory());
        }
        return MemoryReport.of(plan, owned.liveValues());
    }

    /** What the training arena and an adapter that learns really occupy; for tests. */
    long trainingBytes(int slot) {
        try (TensorScope call = owned.open()) {
            Trainee trainee = trainee(slot);
            return script.trainingBytes(
                    call, arena, trainee.value(), trainee.optimizer().value());
        }
    }

    @Override
    public void close() {
        trainees.values().forEach(Trainee::close);
        trainees.clear();
        trainingScope.close();
        lanes.close();
        adapters.close();
        owned.close();
    }
}
