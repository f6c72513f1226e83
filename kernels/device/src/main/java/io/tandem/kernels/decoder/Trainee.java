package io.tandem.kernels.decoder;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.SingularValues;
import io.tandem.kernels.adapter.SparseFactors;
import io.tandem.kernels.adapter.learning.Estimate;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.decoder.AdapterLayout.Part;
import io.tandem.kernels.decoder.AdapterLayout.Placed;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.decoder.ScriptObjects.Factors;
import io.tandem.kernels.decoder.ScriptObjects.Gradients;
import io.tandem.kernels.decoder.ScriptObjects.StepObject;
import io.tandem.kernels.decoder.ScriptObjects.TraineeObject;
import io.tandem.kernels.tensor.Lanes;
import io.tandem.kernels.tensor.TensorScope;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** An adapter that learns: its object in {@code trainee.py}, and the shape to read it by. */
final class Trainee implements AutoCloseable {
    private final DecoderScript script;
    private final TensorScope scope;
    private final AdapterSlots adapters;
    private final int slot;
    private final AdapterLayout layout;
    private Adapter like;
    private final Optimizer optimizer;
    private final TraineeObject value;
    private final Piecework work;
    private final BankWork banks;
    private final Lanes lanes;
    private final OptimizerConfig config;
    private final KernelsConfig limits;
    private boolean decomposed;
    /** In the order of the device's parts. */
    private final List<Part> factors;

    private final Growth growth;

    private int ranks = Integer.MAX_VALUE;
    private LearningPlan plan = LearningPlan.EVERYTHING;
    private @Nullable Step step;

    /** One that is under way. What its update made lives until its end. */
    private static final class Step {
        final TensorScope scope;
        double norm = Double.NaN;

        Step(TensorScope scope) {
            this.scope = scope;
        }
    }

    /** What the device has yet to publish follows with {@link #proceed}. */
    Trainee(
            DecoderScript script,
            TensorScope scope,
            AdapterSlots adapters,
            int slot,
            PreparedAdapter prepared,
            AdapterLayout layout,
            OptimizerConfig config,
            Lanes lanes,
            KernelsConfig limits) {
        this.script = script;
        this.scope = scope;
        this.adapters = adapters;
        this.slot = slot;
        this.layout = layout;
        Adapter initial = prepared.adapter();
        this.like = initial;
        this.lanes = lanes;
        this.limits = limits;
        this.config = config;
        List<Placed> parameters = layout.parameters(initial);
        this.factors = parameters.stream()
                .filter(placed -> placed.is(LowRank.B))
                .map(Placed::part)
                .toList();
        try (TensorScope call = scope.open()) {
            adapters.putFrozen(slot, prepared);
            float[] flat = layout.flatten(initial);
            value = script.newTrainee(
                    scope,
                    adapters.value(),
                    slot,
                    call.tensor(flat, flat.length),
                    lanes.count(),
                    LearnedPlaces.of(
                            call, layout, parameters, initial, limits.weights().roundsToFloat16()));
            decomposed = script.isDecomposed(call, value);
            Factors weights = script.weights(call, value);
            growth = new Growth(parameters, config.layered());
            optimizer = new Optimizer(script, scope, config, weights, growth.factors(lastFactors(initial)));
        }
        adapters.occupy(slot, initial);
        work = new Piecework(lanes);
        banks = new BankWork(work, script, scope, adapters, slot, value, layout.banks());
        usePresentRanks();
        banks.publish();
        work.add(banks::clearBroken);
    }

    /** Those behind the modules' own. */
    private static List<Factor> lastFactors(Adapter adapter) {
        return Stream.concat(adapter.prefix().map(Prefix::parameter).stream(), adapter.full().values().stream())
                .map(parameter -> new Factor(parameter.name(), parameter.values().length))
                .toList();
    }

    TraineeObject value() {
        return value;
    }

    /** See {@link io.tandem.kernels.DeviceModel#beginStep}. */
    void beginStep(double learningRate, double lossScale) {
        finish();
        Step begun = new Step(scope.open());
        step = begun;
        double penalty = config.orthogonality() / (2 * Math.max(1, factors.size()) * lossScale);
        if (decomposed || penalty > 0) {
            banks.finishGradients(penalty);
        }
        Gradients gradients = script.gradients(begun.scope, value);
        optimizer.step(work, begun.scope, gradients, learningRate, lossScale, updated -> {
            publishStep(begun.scope);
            work.add(() -> begun.norm = norm(begun.scope, updated, lossScale));
        });
    }

    private void publishStep(TensorScope call) {
        if (plan.sparsity() > 0) {
            script.maskRanks(call, value, pruned(plan), LearningPlan.TEMPERATURE);
        }
        leaveOut(call, plan.zeros());
        banks.publish();
    }

    private double norm(TensorScope call, StepObject updated, double lossScale) {
        float[] result = script.stepResult(call, updated, script.extremes(call, value));
        optimizer.count(result[0]);
        if (result[1] == 1) {
            growth.measured(script, call, value, lossScale);
            return result[0];
        }
        banks.clearBroken();
        return Double.NaN;
    }

    /** See {@link io.tandem.kernels.DeviceModel#endStep}. */
    double endStep() {
        Step ended = step;
        if (ended == null) {
            throw new IllegalStateException("no step was begun");
        }
        finish();
        step = null;
        ended.scope.close();
        return ended.norm;
    }

    /** See {@link io.tandem.kernels.DeviceModel#proceed}. */
    boolean proceed(long nanos) {
        return work.proceed(nanos);
    }

    /** Does what is left before its rows, or anybody else, may see the numbers. */
    void finish() {
        work.finish();
    }

    /** Counts when the trainee is published next. */
    private void leaveOut(TensorScope call, double zeros) {
        if (like.modules().values().stream().noneMatch(SparseFactors.class::isInstance)) {
            return;
        }
        SortedMap<Site, Change> modules = new TreeMap<>(like.modules());
        modules.replaceAll((site, change) -> change instanceof SparseFactors own ? own.with(zeros) : change);
        like = like.with(modules);
        long[] pruned = layout.parameters(like).stream()
                .filter(placed -> placed.is(SparseFactors.U))
                .mapToLong(placed -> ((SparseFactors) placed.part().change()).pruned())
                .toArray();
        script.pruneWeights(call, value, pruned);
    }

    /** See {@link io.tandem.kernels.DeviceModel#useRanks}. */
    void useRanks(int most) {
        boolean all = factors.stream().allMatch(part -> part.change().learning() <= most);
        int wanted = all ? Integer.MAX_VALUE : most;
        finish();
        if (wanted == ranks) {
            return;
        }
        long[] used = new long[factors.size()];
        double[] scalings = new double[factors.size()];
        for (int i = 0; i < used.length; i++) {
            Change change = factors.get(i).change();
            LowRank own = change.lowRank().orElseThrow();
            boolean fewer = wanted < change.learning();
            used[i] = fewer ? wanted : change.learning();
            scalings[i] = fewer ? like.lora().scaling(own, wanted) : own.scaling();
        }
        use(used, scalings);
        banks.publish();
        ranks = wanted;
    }

    private void use(long[] used, double[] scalings) {
        try (TensorScope call = scope.open()) {
            script.useRanks(call, value, used, scalings);
        }
    }

    /** See {@link io.tandem.kernels.DeviceModel#importance}. */
    SortedMap<Site, Double> importance() {
        return growth.importance();
    }

    /** See {@link io.tandem.kernels.DeviceModel#grow}. */
    void grow(SortedMap<Site, Integer> wanted, boolean complete) {
        SortedMap<Site, Change> modules = new TreeMap<>(like.modules());
        wanted.forEach((site, used) -> {
            if (!(modules.get(site) instanceof Core core) || !core.grows()) {
                throw new IllegalArgumentException(site + " has no ranks that grow");
            }
            modules.put(site, core.grown(used, complete, like.lora().scaling(used)));
        });
        like = like.with(modules);
        finish();
        usePresentRanks();
        banks.publish();
    }

    /** Makes the device's ranks those of the modules that grow. */
    private void usePresentRanks() {
        if (!growth.any()) {
            return;
        }
        long[] used = new long[factors.size()];
        double[] scalings = new double[factors.size()];
        for (int i = 0; i < used.length; i++) {
            Change change =
                    Objects.requireNonNull(like.modules().get(factors.get(i).site()));
            used[i] = change instanceof Core core ? core.ranks().present() : change.learning();
            scalings[i] = change.scaling();
        }
        optimizer.run(clock -> growth.runs(like, clock));
        use(used, scalings);
    }

    /** See {@link io.tandem.kernels.DeviceModel#learn}. */
    void learn(LearningPlan next) {
        if (next.layers().isPresent() && like.prefix().isPresent()) {
            throw new IllegalArgumentException("virtual tokens belong to no layer");
        }
        if (next.layers().isPresent() && !like.full().isEmpty()) {
            throw new IllegalArgumentException("modules in full belong to no layer");
        }
        if (next.layers().isPresent() && (growth.any() || !config.layered())) {
            throw new IllegalArgumentException("an adapter of which all layers learn in every step");
        }
        if (next.sparsity() > 0 || next.estimates()) {
            // Refuses what is not of that form.
            like.factors();
        }
        next.layers().ifPresent(this::requireLayers);
        requireLayers(next.suppressed());
        requireLayers(next.skipped());
        finish();
        skip(next.skipped());
        if (!next.layers().equals(plan.layers())) {
            optimizer.run(next::learns);
            try (TensorScope call = scope.open()) {
                script.useBanks(call, value, ofBanks(next::learns));
            }
        }
        if (!next.suppressed().equals(plan.suppressed()) || next.sparsity() != plan.sparsity()) {
            suppress(plan.suppressed(), 1 / LearningPlan.SUPPRESSED);
            mask(pruned(next));
            banks.publish();
            finish();
            suppress(next.suppressed(), LearningPlan.SUPPRESSED);
        }
        if (!next.sensed().equals(plan.sensed())) {
            requireLayers(next.sensed());
            try (TensorScope call = scope.open()) {
                script.sense(
                        call,
                        adapters.value(),
                        value,
                        ofBanks(layer -> next.sensed().contains(layer)));
            }
        }
        if (next.estimates() != plan.estimates()) {
            try (TensorScope call = scope.open()) {
                script.compareOutputs(call, value, next.estimates());
            }
        }
        plan = next;
    }

    /** Of each bank, 1 if it is in such a layer. */
    private long[] ofBanks(IntPredicate layer) {
        return LongStream.range(0, layout.banks())
                .map(bank -> layer.test(layout.layer((int) bank)) ? 1 : 0)
                .toArray();
    }

    /** See {@link io.tandem.kernels.DeviceModel#estimates}. */
    SortedMap<Site, Estimate> estimates(double lossScale) {
        return new TraineeEstimates(script, scope, value, factors, plan).read(lossScale);
    }

    /** How many ranks are on their way to be pruned. */
    private int pruned(LearningPlan wanted) {
        return wanted.pruned(
                factors.stream().mapToInt(part -> part.change().learning()).sum());
    }

    private void mask(int pruned) {
        try (TensorScope call = scope.open()) {
            script.maskRanks(call, value, pruned, LearningPlan.TEMPERATURE);
            decomposed = script.isDecomposed(call, value);
        }
    }

    private void requireLayers(SortedSet<Integer> layers) {
        boolean exist = layers.stream().allMatch(layer -> layer >= 0 && layer < layout.layers());
        if (!exist) {
            throw new IllegalArgumentException("layers " + layers + " of a model of " + layout.layers());
        }
    }

    /** Beside those that the adapter skips itself. */
    private void skip(SortedSet<Integer> layers) {
        Set<Integer> all = new TreeSet<>(like.skipped());
        all.addAll(layers);
        if (all.size() == layout.layers()) {
            throw new IllegalArgumentException("all layers are skipped");
        }
        adapters.skip(slot, all);
    }

    /** Ranks that do not learn are not published; the factor is a power of two, so they come back as they were. */
    private void suppress(SortedSet<Integer> layers, double factor) {
        long[] banks = LongStream.range(0, layout.banks())
                .filter(bank -> layers.contains(layout.layer((int) bank)))
                .toArray();
        try (TensorScope call = scope.open()) {
            script.scaleBanks(call, adapters.value(), value, banks, factor);
        }
    }

    /** Whether it learns from the teacher. */
    boolean taught() {
        return plan.taught();
    }

    /** How much it learns of what would be drawn before a recursive model's last loop. */
    double exitWeight() {
        return plan.exitWeight();
    }

    /** The first layer that gradients must reach. */
    int lowestLayer() {
        boolean modulesOnly = like.prefix().isEmpty() && !like.full().containsKey(FullModule.EMBED_TOKENS);
        return like.modules().keySet().stream()
                .mapToInt(Site::layer)
                .filter(layer -> modulesOnly && plan.learns(layer))
                .min()
                .orElse(0);
    }

    Adapter snapshot() {
        finishStep();
        return numbers().served();
    }

    /** What learns is complete before it is published, but for what a step does to it. */
    private void finishStep() {
        if (step != null) {
            finish();
        }
    }

    private Adapter numbers() {
        try (TensorScope call = scope.open()) {
            return layout.unflatten(
                    script.floats(call, script.weights(call, value).value()), like);
        }
    }

    /** The sum of all lanes'. */
    Adapter gradients() {
        try (TensorScope call = scope.open()) {
            float[] all =
                    script.floats(call, script.finishedGradients(call, value).value());
            float[] sum = new float[all.length / lanes.count()];
            for (int i = 0; i < all.length; i++) {
                sum[i % sum.length] += all[i];
            }
            return layout.unflatten(sum, like);
        }
    }

    Optimizer optimizer() {
        return optimizer;
    }

    /** See {@link io.tandem.kernels.DeviceModel#optimizerState}. */
    OptimizerState state() {
        finishStep();
        Map<String, byte[]> more = new TreeMap<>();
        if (like.modules().values().stream().anyMatch(change -> !change.kept().isEmpty())) {
            numbers()
                    .modules()
                    .forEach((site, change) -> change.kept()
                            .forEach(p ->
                                    more.put(OptimizerState.name(site, p.name()), OptimizerState.bytes(p.values()))));
        }
        return optimizer.state().with(more);
    }

    /** @throws IllegalArgumentException if the state is not one of this adapter and its optimizer */
    void restore(OptimizerState state) {
        optimizer.restore(state);
    }

    /** What belongs to this adapter alone. */
    MemoryPlan memory() {
        long fixed = like.modules().values().stream()
                .filter(SingularValues.class::isInstance)
                .mapToLong(change -> (long) change.rank() * change.outputs())
                .sum();
        long copies = like.full().values().stream()
                .mapToLong(own -> own.values().length)
                .sum();
        return MemoryPlan.trainee(like.parameters(), lanes.count(), optimizer.stateBytes())
                .plus(MemoryPlan.fixed(fixed + copies + ownWeights(), limits.dtype()));
    }

    /** Two numbers for each of the linears', and half of one for whether it is left, which takes a byte. */
    private long ownWeights() {
        long numbers = LongStream.range(0, layout.banks())
                .map(bank -> (long) layout.inputs((int) bank) * layout.outputs((int) bank))
                .sum();
        boolean sparse = like.modules().values().stream().anyMatch(SparseFactors.class::isInstance);
        return AdapterSlots.ownsWeights(like) ? 2 * numbers + (sparse ? (numbers + 1) / 2 : 0) : 0;
    }

    /** Each bank's weight as the rows have it {@code [outputs, inputs]}, if they have their own; for tests. */
    float[] ownWeight(int bank) {
        finish();
        try (TensorScope call = scope.open()) {
            return script.ownWeight(call, adapters.value(), slot, bank);
        }
    }

    @Override
    public void close() {
        if (AdapterSlots.ownsWeights(like) || !like.full().isEmpty()) {
            adapters.release(slot);
        }
        if (step != null) {
            step.scope.close();
        }
        scope.close();
    }
}
