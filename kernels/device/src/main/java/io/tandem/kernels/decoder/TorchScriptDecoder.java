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
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.learning.Estimate;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.decoder.IterationArguments.Places;
import io.tandem.kernels.decoder.ScriptObjects.ArenaObject;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.decoder.ScriptObjects.SinglesObject;
import io.tandem.kernels.device.ContextLength;
import io.tandem.kernels.device.DeviceProfile;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.tensor.Lanes;
import io.tandem.kernels.tensor.NativeEngine;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.ModelFiles;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
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
    private final Teacher teacher;
    private ArenaObject arena;
    private boolean arenaReserved;
    private boolean backwardPrepared;
    private PackLanes packLanes;

    private TorchScriptDecoder(
            Checkpoint checkpoint,
            ModelConfig model,
            KernelsConfig limits,
            Supplier<DecoderScript> scripts,
            LoadProgress progress) {
        this.model = model;
        this.limits = limits;
        this.layout = new AdapterLayout(model);
        // Plans the memory, so refuses slots that cannot be before anything is loaded.
        inferenceLanes = InferenceLanes.of(model, limits);
        NativeEngine.useThreads(limits.threads());
        owned = TensorScope.root();
        script = scripts.get();
        weights = new ModelLoader(script, checkpoint, model, limits, progress).load(owned);
        cache = new CacheSlots(script, owned, weights, limits, model.recursion().isPresent());
        adapters = new AdapterSlots(script, owned, weights, layout, model, limits);
        prefixes = new WrittenPrefixes(script, owned, adapters, cache);
        lanes = new Lanes(limits.lanes(), inferenceLanes.threads());
        trainingScope = owned.open();
        arena = newArena(0);
        teacher = Teacher.load(script, owned, model, limits, progress);
        packLanes = new PackLanes(PackRows.EMPTY, model.layers());
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
        FullModuleCheck.check(adapter, model, limits);
        return layout.prepare(adapter, limits.maxRank(), limits.dtype());
    }

    @Override
    public void putAdapter(int slot, PreparedAdapter adapter) {
        adapters.put(slot, adapter);
    }

    @Override
    public void dropAdapter(int slot) {
        adapters.release(slot);
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
            Trainee trainee = new Trainee(script, scope, adapters, slot, first, layout, optimizer, lanes, limits);
            trainees.put(slot, trainee);
            return trainee;
        } catch (RuntimeException | Error e) {
            adapters.release(slot);
            scope.close();
            throw e;
        }
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
        lay(List.of(), adapterSlots, next);
        try (TensorScope call = owned.open()) {
            script.beginPacks(call, arena);
        }
    }

    @Override
    public void joinPack(int[] adapterSlots, TrainingPack next) {
        if (!packLanes.progress().untouched()) {
            throw new IllegalStateException("a pack joins others that have gone forward");
        }
        List<LaidPack> others = packLanes.pack().packs();
        if (goesAlone(adapterSlots, next)
                || others.stream().anyMatch(own -> goesAlone(own.adapterSlots(), own.pack()))) {
            throw new IllegalArgumentException(
                    "a pack whose adapters have modules in full or skip layers, or that learns"
                            + " over weights of its own or from the teacher, shares no window with others");
        }
        lay(others, adapterSlots, next);
    }

    private boolean goesAlone(int[] adapterSlots, TrainingPack pack) {
        return adapters.goAlone(adapterSlots)
                || (pack.purpose() == TrainingPack.Purpose.LEARN
                        && trainee(adapterSlots[adapterSlots.length - 1]).taught());
    }

    private void lay(List<LaidPack> others, int[] adapterSlots, TrainingPack next) {
        boolean learns = next.purpose() == TrainingPack.Purpose.LEARN;
        int lowest = learns ? trainee(adapterSlots[adapterSlots.length - 1]).lowestLayer() : 0;
        List<LaidPack> packs = new ArrayList<>(others);
        packs.add(LaidPack.of(adapterSlots, adapters, model.layers(), lowest, next));
        int rows = packs.stream().mapToInt(own -> own.pack().rows()).sum();
        if (rows > limits.packTokens()) {
            throw new IllegalArgumentException(
                    "packs of " + rows + " tokens, kernels.pack-tokens is " + limits.packTokens());
        }
        finish(adapterSlots);
        reserveArena();
        packLanes = new PackLanes(new PackRows(packs, limits.lanes()), model.layers());
    }

    /** Does what is left to be done to trainees before rows use them. */
    private void finish(int[] slots) {
        for (int slot : slots) {
            Optional.ofNullable(trainees.get(slot)).ifPresent(Trainee::finish);
        }
    }

    @Override
    public void dropPack(int number) {
        packLanes = packLanes.drop(number);
    }

    @Override
    public void scaleSequences(int number, double[] factors) {
        float[] rows = packLanes.pack().factors(number, factors);
        try (TensorScope call = owned.open()) {
            script.scaleRows(call, arena, call.tensor(rows, rows.length, 1));
        }
    }

    @Override
    public PackProgress packProgress() {
        return packLanes.progress();
    }

    @Override
    public PackProgress packProgress(int number) {
        return packLanes.progress(number);
    }

    @Override
    public IterationOutputs run(IterationInputs all) {
        IterationInputs inputs = prefixes.others(all);
        PackRows pack = packLanes.pack();
        PackLanes.Split split = inputs.training().isPresent()
                ? packLanes.split(inputs)
                : inferenceLanes.split(inputs.segments(), packLanes);
        int capacity = limits.contextTokens();
        IterationCheck.check(inputs.segments(), adapters);
        inputs.segments().forEach(segment -> finish(segment.adapterSlots()));
        if (inputs.oneLoop()) {
            TogetherCall.check(inputs, model);
        }
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
            // Loops have rows of their own.
            boolean looped = inputs.oneLoop() || LoopedCall.needed(part.segments());
            List<SinglesObject> singles = looped ? List.of() : adapters.singles(i, 0, depth);
            calls.add(() -> run(part, depth, pack, placed, singles, mixed, inputs.oneLoop()));
        }
        List<IterationOutputs> outputs = split.even() ? lanes.together(calls) : lanes.inTurn(calls);
        packLanes = split.next();
        return split.join(outputs);
    }

    /**
     * @param mixed whether the rows of all lanes together differ in their adapters
     * @param oneLoop whether each row goes through one loop only
     */
    private IterationOutputs run(
            PackLanes.Part part,
            Depth depth,
            PackRows pack,
            long[] virtual,
            List<SinglesObject> singles,
            boolean mixed,
            boolean oneLoop) {
        IterationOutputs outputs = IterationOutputs.NONE;
        try (TensorScope scope = owned.open()) {
            if (depth.all().tokens.length > 0) {
                Places places = new Places(weights, cache.value(), adapters.value(), singles, arena, teacher.value());
                Optional<Trainee> taught = taught(pack);
                IterationCall call = new IterationCall(
                        script,
                        scope,
                        places,
                        adapters,
                        pack,
                        model,
                        mixed,
                        taught.isPresent(),
                        taught.map(Trainee::exitWeight).orElse(0.0));
                LoopedCall looped = new LoopedCall(call, part.lane(), limits.contextTokens(), limits.maxRank());
                if (oneLoop) {
                    outputs = new TogetherCall(looped).run(part.segments());
                } else if (LoopedCall.needed(part.segments())) {
                    outputs = looped.run(part);
                } else {
                    outputs = call.run(part.segments(), depth, virtual);
                }
            }
            if (!part.windows().backward().isEmpty()) {
                new BackwardCall(script, scope, weights, adapters, arena, teacher.value(), this::trainee)
                        .run(part.lane(), part.windows().backward(), pack, model);
            }
            return outputs;
        }
    }

    /** Who learns from the teacher, if the rows are of its pack, which lies alone. */
    private Optional<Trainee> taught(PackRows rows) {
        List<LaidPack> packs = rows.packs();
        return packs.size() == 1 && packs.get(0).learns()
                ? Optional.of(trainee(packs.get(0).traineeSlot())).filter(Trainee::taught)
                : Optional.empty();
    }

    @Override
    public void beginStep(int slot, double learningRate, double lossScale) {
        trainee(slot).beginStep(learningRate, lossScale);
    }

    @Override
    public boolean proceed(int slot, long nanos) {
        return trainee(slot).proceed(nanos);
    }

    @Override
    public double endStep(int slot) {
        return trainee(slot).endStep();
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
        if (plan.taught()) {
            teacher.require();
        }
        if (plan.exitWeight() > 0 && model.recursion().isEmpty()) {
            throw new IllegalArgumentException("the model has no loops whose outputs could learn");
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

    /** See {@link Trainee#ownWeight}; for tests. */
    float[] ownWeight(int slot, int bank) {
        return trainee(slot).ownWeight(bank);
    }

    @Override
    public void closeTrainee(int slot) {
        Optional.ofNullable(trainees.remove(slot)).ifPresent(Trainee::close);
        for (int number = 0; number < packLanes.pack().packs().size(); number++) {
            if (packLanes.pack().packs().get(number).uses(slot)) {
                dropPack(number);
            }
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
                trainingScope,
                weights,
                rows,
                model.ffn(),
                limits.stash().code(),
                MemoryPlan.logitsChunk(model),
                limits.fullModules() > 0,
                MemoryPlan.exits(model, limits));
    }

    @Override
    public MemoryReport memory() {
        MemoryPlan plan =
                teacher.beside(MemoryPlan.serving(model, limits), limits).plus(adapters.singleWeights());
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
