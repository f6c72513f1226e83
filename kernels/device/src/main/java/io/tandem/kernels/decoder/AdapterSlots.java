package io.tandem.kernels.decoder;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.OwnWeight;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.decoder.AdapterArguments.Slots;
import io.tandem.kernels.decoder.BagLayout.Narrow;
import io.tandem.kernels.decoder.ScriptObjects.AdaptersObject;
import io.tandem.kernels.decoder.ScriptObjects.ModelObject;
import io.tandem.kernels.decoder.ScriptObjects.SinglesObject;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.tensor.TensorScope;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

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

    /** What the adapters have in full. */
    private final FullSlots full;

    private final SingleWeightSlots singleWeights;

    /** Whether each slot is that of a trainee with weights of its own. */
    private final boolean[] ownWeights;

    private final BagLayout bags;
    private final BitSet[][][] byBlock;
    private final @Nullable Narrow[] narrow;
    private final boolean[] biased;
    private final SingleRows singles;

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
        this.ranks = new int[limits.adapterSlots()][layout.linears().size()];
        this.scaled = new int[limits.adapterSlots()][layout.linears().size()];
        this.virtual = new Virtual[limits.adapterSlots()];
        Arrays.fill(virtual, Virtual.NONE);
        this.skipped = new BitSet[limits.adapterSlots()];
        Arrays.setAll(skipped, slot -> new BitSet());
        this.full = new FullSlots(limits.adapterSlots(), limits.fullMatrices());
        this.singleWeights = new SingleWeightSlots(layout, limits.adapterSlots());
        this.ownWeights = new boolean[limits.adapterSlots()];
        this.bags = new BagLayout(model, layout, limits.maxRank());
        this.byBlock = new BitSet[limits.adapterSlots()][][];
        this.narrow = new Narrow[limits.adapterSlots()];
        this.biased = new boolean[limits.adapterSlots()];
        this.singles = new SingleRows(script, owner, this, bags, limits.adapterSlots());
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
        if (learning && ownsWeights(adapter)) {
            throw new IllegalArgumentException(
                    "the adapter is a part of training over weights of its own, of which a base model is made");
        }
        full.lend(slot, learning ? adapter.full().size() : 0);
        try (TensorScope call = scope.open()) {
            script.putAdapter(call, value, slot, SlotContent.of(call, layout, prepared, learning));
        }
        occupy(slot, adapter);
    }

    /** Frees what the slot has that is not in tables for all; its adapter is not to be used any more. */
    void release(int slot) {
        try (TensorScope call = scope.open()) {
            script.releaseSlot(call, value, slot);
        }
        full.release(slot);
        singleWeights.release(slot);
        ownWeights[slot] = false;
        skip(slot, Set.of());
        changed(slot);
    }

    /** What the adapters have in full. */
    FullSlots full() {
        return full;
    }

    /** Whether a pack that uses these slots shares no window with others. */
    boolean goAlone(int[] slots) {
        return Arrays.stream(slots).anyMatch(slot -> ownWeights[slot] || full.any(slot) || !skipped[slot].isEmpty());
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
        full.occupy(slot, adapter.full().keySet());
        ranks[slot] = layout.ranksByLinear(adapter);
        scaled[slot] = layout.scaledByLinear(adapter);
        ownWeights[slot] = ownsWeights(adapter);
        singleWeights.occupy(slot, adapter);
        byBlock[slot] = bags.ranks(adapter);
        narrow[slot] = bags.narrow(adapter).orElse(null);
        biased[slot] = adapter.modules().values().stream().anyMatch(BiasedFactors.class::isInstance);
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

    /** Whether it learns over weights of its own. */
    static boolean ownsWeights(Adapter adapter) {
        return adapter.modules().values().stream().anyMatch(OwnWeight.class::isInstance);
    }

    /**
     * Which of the slots is that of a trainee with weights of its own; empty if none is.
     *
     * @throws IllegalArgumentException if there are others beside it
     */
    long[] withOwnWeights(int[] slots) {
        long[] found = Arrays.stream(slots)
                .filter(slot -> ownWeights[slot])
                .asLongStream()
                .toArray();
        if (found.length > 0 && slots.length > 1) {
            throw new IllegalArgumentException("an adapter beside one that is trained over weights of its own");
        }
        return found;
    }

    /** Those of the rows whose adapters have single weights. */
    long[] rowsWithSingleWeights(int[][] rowSlots) {
        return singleWeights.rows(rowSlots);
    }

    /** What single weights take, which are not in tables that are there anyway. */
    MemoryPlan singleWeights() {
        return singleWeights.memory(active.slots());
    }

    /** How rows find the adapters in these slots. */
    RowAdapters used(int[][] rowSlots) {
        return RowAdapters.of(rowSlots, slot -> narrow[slot] != null || hasRanks(slot));
    }

    /** Whether it has factors. */
    boolean hasRanks(int slot) {
        return Arrays.stream(ranks[slot]).anyMatch(rank -> rank > 0);
    }

    /** For the rows of a lane that find them one by one, view by view. */
    List<SinglesObject> singles(int lane, int part, Depth depth) {
        return singles.of(lane, part, depth);
    }

    /** How often the content of a slot changed. */
    long changes(int slot) {
        return changes[slot];
    }

    /** As {@link BagLayout#ranks} has them. */
    BitSet[][] ranksByBlock(int slot) {
        return byBlock[slot];
    }

    Optional<Narrow> narrow(int slot) {
        return Optional.ofNullable(narrow[slot]);
    }

    /** Whether factors have biases. */
    boolean isBiased(int slot) {
        return biased[slot];
    }

    /** Frees what lanes have; the rest belongs to the owner. */
    void close() {
        singles.close();
    }

    /** For each slot and joined linear. */
    long[] ranks(long[] slots) {
        return ofAll(ranks, slots);
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
