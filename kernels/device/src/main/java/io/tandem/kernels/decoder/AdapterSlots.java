package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.decoder.AdapterArguments.Content;
import io.tandem.kernels.decoder.AdapterArguments.Slots;
import io.tandem.kernels.decoder.AdapterLayout.Part;
import io.tandem.kernels.decoder.IterationArguments.Paired;
import io.tandem.kernels.decoder.ScriptObjects.AdaptersObject;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.decoder.ScriptObjects.PackObject;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Adapters on the device. */
final class AdapterSlots {
    private final DecoderScript script;
    private final TensorScope scope;
    private final AdapterLayout layout;
    private final AdaptersObject value;
    private final int[][] ranks;
    private final int[][] scaled;
    /** Of the adapter in each slot. */
    private final Virtual[] virtual;
    /** The layers that rows with the adapter in each slot skip. */
    private final BitSet[] skipped;

    /** Of the adapter in each slot, what it has in full. */
    private final List<Set<FullModule>> full;

    private boolean anyFull;

    /** Slots whose adapter has that in memory of {@code kernels.full-modules}, and not in a trainee's own. */
    private final BitSet lent = new BitSet();

    private final KernelsConfig limits;
    private final boolean routed;
    private final boolean compiled;
    /** By lane. */
    private final Map<Integer, Packed> packs = new HashMap<>();

    /** How often the content of each slot changed. */
    private final long[] changes;

    private Use active = new Use(new long[0], new long[0]);

    AdapterSlots(
            DecoderScript script,
            TensorScope owner,
            ModelObject loaded,
            AdapterLayout layout,
            ModelConfig model,
            KernelsConfig limits) {
        this.script = script;
        this.scope = owner;
        this.layout = layout;
        this.changes = new long[limits.adapterSlots()];
        this.routed = model.experts().isPresent();
        this.compiled = limits.dtype() != Dtype.FLOAT32;
        this.ranks = new int[limits.adapterSlots()][layout.linears().size()];
        this.scaled = new int[limits.adapterSlots()][layout.linears().size()];
        this.virtual = new Virtual[limits.adapterSlots()];
        Arrays.fill(virtual, Virtual.NONE);
        this.skipped = new BitSet[limits.adapterSlots()];
        Arrays.setAll(skipped, slot -> new BitSet());
        this.full = new ArrayList<>(Collections.nCopies(limits.adapterSlots(), Set.of()));
        this.limits = limits;
        value = script.newAdapters(
                owner, loaded, limits.adapterSlots(), limits.maxRank(), sizes(model), limits.fullMatrices());
    }

    /** For each linear of a layer how many modules it joins, its inputs and its outputs. */
    static long[] sizes(ModelConfig model) {
        return model.linears().stream()
                .flatMapToLong(
                        linear -> LongStream.of(linear.modules().size(), linear.inputs(model), linear.outputs(model)))
                .toArray();
    }

    int count() {
        return skipped.length;
    }

    AdaptersObject value() {
        return value;
    }

    /** Copies; arithmetic was done when the adapter was prepared, but for DoRA's norms, which take the frozen weights. */
    void put(int slot, PreparedAdapter prepared) {
        put(slot, prepared, true);
    }

    /** The same of what does not learn of it; the rest of the slot is zero. */
    void putFrozen(int slot, PreparedAdapter prepared) {
        put(slot, prepared, false);
    }

    private void put(int slot, PreparedAdapter prepared, boolean learning) {
        Adapter adapter = prepared.adapter();
        Map<FullModule, Parameter> matrices = learning ? adapter.full() : Map.of();
        requireRoom(slot, matrices.size());
        try (TensorScope call = scope.open()) {
            List<Part> parts = IntStream.range(0, layout.banks())
                    .boxed()
                    .flatMap(bank -> layout.parts(adapter, bank).stream())
                    // Factors with magnitudes come first.
                    .sorted(Comparator.comparing(part -> !(part.change() instanceof Dora)))
                    .toList();
            List<long[]> factors = new ArrayList<>();
            List<PtNDArray> a = new ArrayList<>();
            List<PtNDArray> b = new ArrayList<>();
            List<PtNDArray> magnitudes = new ArrayList<>();
            List<long[]> scales = new ArrayList<>();
            List<PtNDArray> differences = new ArrayList<>();
            for (Part part : parts) {
                float[] derived = Objects.requireNonNull(prepared.derived().get(part.site()));
                Change change = part.change();
                int split = change.learning();
                if (learning && split > 0) {
                    factors.add(new long[] {part.bank(), part.row(), part.column()});
                    a.add(ranks(call, change.right(), change.inputs(), 0, split));
                    b.add(ranks(call, derived, change.outputs(), 0, split));
                }
                if (split < change.rank()) {
                    factors.add(new long[] {part.bank(), part.frozenRow(), part.column()});
                    a.add(ranks(call, change.right(), change.inputs(), split, change.rank()));
                    b.add(ranks(call, derived, change.outputs(), split, change.rank()));
                }
                if (!learning) {
                    continue;
                }
                if (part.change() instanceof BiasedFactors biased) {
                    factors.add(new long[] {part.bank(), part.frozenRow(), part.column()});
                    a.add(call.tensor(new float[biased.inputs()], 1, biased.inputs()));
                    b.add(call.tensor(biased.scaledBias(), 1, biased.outputs()));
                }
                if (part.change() instanceof Dora dora) {
                    float[] magnitude = dora.magnitude().orElseGet(() -> new float[0]);
                    magnitudes.add(call.tensor(magnitude, magnitude.length));
                }
                if (part.change() instanceof Scale scale) {
                    scales.add(AdapterLayout.place(part, scale));
                    differences.add(call.tensor(derived, derived.length));
                }
            }
            List<Part> blocks = learning ? layout.blocks(adapter) : List.of();
            script.putAdapter(
                    call,
                    value,
                    slot,
                    new Content(
                            RowEncoder.flatten(factors),
                            a,
                            b,
                            magnitudes,
                            constants(parts),
                            RowEncoder.flatten(scales),
                            differences,
                            learning ? numbers(call, adapter, Prompt.class) : List.of(),
                            learning ? tokens(adapter) : new long[0],
                            learning ? numbers(call, adapter, KeysAndValues.class) : List.of(),
                            AdapterLayout.places(blocks),
                            tensors(call, prepared, blocks),
                            matrices.keySet().stream()
                                    .mapToLong(AdapterSlots::code)
                                    .toArray(),
                            matrices.values().stream()
                                    .map(p -> call.tensor(p.values(), p.rows(), p.columns()))
                                    .toList()));
        }
        occupy(slot, adapter);
    }

    /** What {@code full.py} calls it. */
    static long code(FullModule module) {
        return module == FullModule.LM_HEAD ? 1 : 0;
    }

    private void requireRoom(int slot, int modules) {
        int others = IntStream.range(0, full.size())
                .filter(other -> other != slot && lent.get(other))
                .map(other -> full.get(other).size())
                .sum();
        if (others + modules > limits.fullMatrices()) {
            throw new IllegalStateException(
                    "adapters with " + (others + modules) + " modules in full, and room for " + limits.fullMatrices());
        }
        lent.set(slot, modules > 0);
    }

    /** What the slot's adapter has in full gives its room to others. */
    void clearFull(int slot) {
        try (TensorScope call = scope.open()) {
            script.clearFull(call, value, slot);
        }
        setFull(slot, Set.of());
        lent.clear(slot);
    }

    private void setFull(int slot, Set<FullModule> modules) {
        full.set(slot, modules);
        anyFull = full.stream().anyMatch(own -> !own.isEmpty());
    }

    /** Whether a slot has a module in full. */
    boolean anyFull() {
        return anyFull;
    }

    /**
     * Which of these slots has the module in full; -1 if none.
     *
     * @throws IllegalArgumentException if more than one has
     */
    int full(FullModule module, int[] slots) {
        int found = -1;
        for (int slot : slots) {
            if (full.get(slot).contains(module)) {
                if (found >= 0) {
                    throw new IllegalArgumentException("rows use " + module.label() + " of two adapters");
                }
                found = slot;
            }
        }
        return found;
    }

    /** Bank and row of each bias. */
    private static long[] constants(List<Part> parts) {
        return parts.stream()
                .filter(part -> part.change() instanceof BiasedFactors)
                .flatMapToLong(part -> LongStream.of(part.bank(), part.frozenRow()))
                .toArray();
    }

    /** Three of each bottleneck, as {@code bottleneck.put_} takes them. */
    private static List<PtNDArray> tensors(TensorScope call, PreparedAdapter prepared, List<Part> blocks) {
        List<PtNDArray> tensors = new ArrayList<>();
        for (Part part : blocks) {
            if (part.change() instanceof Bottleneck own) {
                float[] up = Objects.requireNonNull(prepared.derived().get(part.site()));
                tensors.add(call.tensor(own.down(), own.width(), own.channels()));
                tensors.add(call.tensor(own.downBias(), own.width()));
                tensors.add(call.tensor(up, 1 + own.width(), own.channels()));
            }
        }
        return tensors;
    }

    /** Rows of a factor [ranks, width]. */
    private static PtNDArray ranks(TensorScope call, float[] factor, int width, int from, int to) {
        boolean all = to * width == factor.length && from == 0;
        return call.tensor(all ? factor : Arrays.copyOfRange(factor, from * width, to * width), to - from, width);
    }

    /** Of virtual tokens of this kind. */
    private static List<PtNDArray> numbers(TensorScope call, Adapter adapter, Class<? extends Prefix> kind) {
        return adapter.prefix().stream()
                .filter(kind::isInstance)
                .flatMap(prefix ->
                        prefix.values().map(own -> call.tensor(own, prefix.tokens(), prefix.width())).stream())
                .toList();
    }

    /** Of the vocabulary, whose embeddings the virtual tokens start with; none if they have their own. */
    static long[] tokens(Adapter adapter) {
        return adapter.prefix().stream()
                .filter(prefix -> prefix instanceof Prompt && prefix.isFresh())
                .flatMapToLong(prefix -> Arrays.stream(prefix.vocabulary()).asLongStream())
                .toArray();
    }

    /**
     * Which of these slots has virtual tokens, and which.
     *
     * @throws IllegalArgumentException if more than one has
     */
    Virtual virtual(int[] slots) {
        Virtual found = Virtual.NONE;
        for (int slot : slots) {
            if (virtual[slot].tokens() > 0 && found.tokens() > 0) {
                throw new IllegalArgumentException("rows use the virtual tokens of two adapters");
            }
            found = virtual[slot].tokens() > 0 ? virtual[slot] : found;
        }
        return found;
    }

    /**
     * The virtual tokens of a row's adapters.
     *
     * @param run whether they are rows themselves, and not only keys and values
     */
    record Virtual(int slot, int tokens, boolean run) {
        static final Virtual NONE = new Virtual(0, 0, true);

        static Virtual of(int slot, Adapter adapter) {
            return adapter.prefix()
                    .map(prefix -> new Virtual(slot, prefix.tokens(), prefix instanceof Prompt))
                    .orElse(NONE);
        }

        /** How many are rows. */
        int running() {
            return run ? tokens : 0;
        }

        /** How many are only keys and values. */
        int written() {
            return run ? 0 : tokens;
        }
    }

    /** The slot's content has these ranks now. */
    void occupy(int slot, Adapter adapter) {
        virtual[slot] = Virtual.of(slot, adapter);
        setFull(slot, Set.copyOf(adapter.full().keySet()));
        ranks[slot] = layout.ranksByLinear(adapter);
        scaled[slot] = layout.scaledByLinear(adapter);
        skip(slot, adapter.skipped());
        changed(slot);
    }

    /** Rows that use the slot skip these layers from here on. */
    void skip(int slot, Set<Integer> layers) {
        BitSet wanted = new BitSet();
        layers.forEach(wanted::set);
        skipped[slot] = wanted;
    }

    /** The layers that rows with these adapters skip: all that any of them does. */
    BitSet skipped(int[] slots) {
        BitSet all = new BitSet();
        for (int slot : slots) {
            all.or(skipped[slot]);
        }
        return all;
    }

    /** The slot's numbers changed, its shapes did not. */
    void changed(int slot) {
        changes[slot]++;
    }

    /** What is in some slots now. What was made of it is made again only if that changes. */
    private Use use(long[] slots) {
        return new Use(
                slots, Arrays.stream(slots).map(slot -> changes[(int) slot]).toArray());
    }

    private record Use(long[] slots, long[] changes) {
        boolean isSame(Use other) {
            return Arrays.equals(slots, other.slots) && Arrays.equals(changes, other.changes);
        }
    }

    /**
     * Makes the adapters that the rows use ready.
     *
     * @param rowSlots of every row
     * @return whether rows differ in their adapters
     */
    boolean activate(int[][] rowSlots) {
        long[] wanted = Arrays.stream(rowSlots)
                .flatMapToInt(Arrays::stream)
                .distinct()
                .sorted()
                .asLongStream()
                .toArray();
        Use use = use(wanted);
        if (!use.isSame(active)) {
            try (TensorScope call = scope.open()) {
                script.activate(call, value, wanted, ofAll(scaled, wanted));
            }
            active = use;
        }
        return Arrays.stream(rowSlots).anyMatch(slots -> slots.length != wanted.length);
    }

    /** How rows find the adapters in these slots. */
    RowAdapters used(int[][] rowSlots) {
        return RowAdapters.of(rowSlots, slot -> Arrays.stream(ranks[slot]).max().orElse(0), routed, compiled);
    }

    /**
     * Copies of the adapters that the rows of a lane are paired with. They are kept until the lane wants others, or one of
     * those changes.
     */
    PackObject pack(int lane, Depth depth) {
        List<long[]> bySlot =
                depth.views().stream().map(view -> view.adapters().pack()).toList();
        long[] counts = bySlot.stream().mapToLong(own -> own.length).toArray();
        long[] slots = RowEncoder.flatten(bySlot);
        Use use = use(slots);
        Optional<Packed> last = Optional.ofNullable(packs.get(lane))
                .filter(old -> Arrays.equals(old.counts(), counts) && Arrays.equals(old.layers(), depth.layers()));
        if (last.isPresent() && last.get().use().isSame(use)) {
            return last.get().made();
        }
        Optional.ofNullable(packs.remove(lane)).ifPresent(old -> old.owner().close());
        TensorScope owner = scope.open();
        PackObject made = script.newPack(owner, value, new Paired(slots, ofAll(ranks, slots), counts, depth.layers()));
        packs.put(lane, new Packed(use, counts, depth.layers(), owner, made));
        return made;
    }

    private record Packed(Use use, long[] counts, long[] layers, TensorScope owner, PackObject made) {}

    /** Frees what lanes have; the rest belongs to the owner. */
    void close() {
        packs.values().forEach(packed -> packed.owner().close());
        packs.clear();
    }

    /** Slots, and what their adapters have. */
    Slots slots(long[] slots) {
        return new Slots(slots, ofAll(ranks, slots), ofAll(scaled, slots));
    }

    private static long[] ofAll(int[][] bySlot, long[] slots) {
        return Arrays.stream(slots)
                .flatMap(slot -> Arrays.stream(bySlot[(int) slot]).asLongStream())
                .toArray();
    }
}
