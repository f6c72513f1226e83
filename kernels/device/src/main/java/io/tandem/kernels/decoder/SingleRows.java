package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.decoder.AdapterLayout.Narrow;
import io.tandem.kernels.decoder.RowAdapters.Gathered;
import io.tandem.kernels.decoder.RowAdapters.Pair;
import io.tandem.kernels.decoder.ScriptObjects.SinglesObject;
import io.tandem.kernels.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What lanes have for rows that find their adapters one by one. It is kept until the rows use others, or one of these
 * changes: decode rows stay the same for many iterations.
 */
final class SingleRows {
    private final DecoderScript script;
    private final TensorScope scope;
    private final AdapterSlots slots;
    private final AdapterLayout layout;
    private final int maxRank;
    /** By lane. */
    private final Map<Integer, Made> made = new HashMap<>();
    /** What each slot had when it was turned last. */
    private final long[] turned;

    SingleRows(
            DecoderScript script, TensorScope scope, AdapterSlots slots, AdapterLayout layout, int count, int maxRank) {
        this.script = script;
        this.scope = scope;
        this.slots = slots;
        this.layout = layout;
        this.maxRank = maxRank;
        this.turned = new long[count];
        Arrays.fill(turned, -1);
    }

    /** @param changes how often what is in each of the slots has changed, by slot */
    private record Use(List<Gathered> gathered, List<Pair> pairs, List<Integer> joined, Map<Integer, Long> changes) {}

    private record Made(Use use, TensorScope owner, SinglesObject object) {}

    SinglesObject of(int lane, RowAdapters rows) {
        List<Integer> joined = layout.routed() ? joined(rows) : List.of();
        Map<Integer, Long> changes = Stream.of(
                        rows.gathered().stream().map(Gathered::slot),
                        rows.pairs().stream().map(Pair::slot),
                        joined.stream())
                .flatMap(slot -> slot)
                .distinct()
                .collect(Collectors.toMap(slot -> slot, slots::changes, (first, second) -> first, TreeMap::new));
        Use use = new Use(rows.gathered(), rows.pairs(), joined, changes);
        Made last = made.remove(lane);
        if (last != null && !last.use().equals(use)) {
            last.owner().close();
            last = null;
        }
        if (last == null) {
            TensorScope owner = scope.open();
            last = new Made(use, owner, make(owner, use));
        }
        made.put(lane, last);
        return last.object();
    }

    /** Slots whose factors rows find by masks, because a router chooses which linears they meet. */
    private List<Integer> joined(RowAdapters rows) {
        return rows.slots().stream()
                .filter(slot -> Arrays.stream(slots.ranks(slot)).anyMatch(rank -> rank > 0))
                .toList();
    }

    private SinglesObject make(TensorScope owner, Use use) {
        List<Integer> others = new ArrayList<>(use.joined());
        if (!layout.routed()) {
            use.pairs().stream().map(Pair::slot).distinct().forEach(others::add);
        }
        long[] all = Stream.concat(use.gathered().stream().map(Gathered::slot), others.stream())
                .mapToLong(Integer::longValue)
                .toArray();
        long[] rows = use.gathered().stream()
                .flatMap(own -> own.rows().stream())
                .mapToLong(Integer::longValue)
                .toArray();
        long[] counts =
                use.gathered().stream().mapToLong(own -> own.rows().size()).toArray();
        try (TensorScope call = owner.open()) {
            SinglesObject object = script.newSingles(
                    owner, slots.value(), call.tensor(rows, rows.length), counts, all, slots.ranks(all));
            use.pairs().stream().map(Pair::slot).distinct().forEach(slot -> turn(call, slot));
            if (!use.joined().isEmpty()) {
                script.join(
                        call,
                        object,
                        slots.value(),
                        use.joined().stream().mapToLong(Integer::longValue).toArray());
            }
            if (!layout.routed() && !use.pairs().isEmpty()) {
                addBags(call, object, use.pairs());
            }
            addBottlenecks(call, object, use.pairs());
            return object;
        }
    }

    private void turn(TensorScope call, int slot) {
        if (turned[slot] != slots.changes(slot)) {
            long[] ranks = slots.ranks(new long[] {slot});
            // Nothing reads factors of rows that find theirs by masks.
            script.turn(call, slots.value(), slot, layout.routed() ? new long[ranks.length] : ranks);
            turned[slot] = slots.changes(slot);
        }
    }

    private void addBags(TensorScope call, SinglesObject object, List<Pair> pairs) {
        boolean biased = pairs.stream().anyMatch(pair -> slots.isBiased(pair.slot()));
        Sections sections = new Sections();
        for (int i = 0; i < layout.linears().size(); i++) {
            int linear = i;
            int modules = layout.linears().get(linear).modules().size();
            BagNumbers.Tables tables = new BagNumbers.Tables(
                    modules * BagNumbers.group(maxRank), modules * maxRank, layout.blocks(linear));
            sections.add(pairs, tables, slot -> slots.ranksByBlock(slot)[linear], layout.blockWidth(linear));
        }
        script.addBags(call, object, slots.value(), biased, RowEncoder.flatten(sections.places), sections.tensor(call));
    }

    /** Adapters of one kind are multiplied at once. */
    private void addBottlenecks(TensorScope call, SinglesObject object, List<Pair> pairs) {
        Map<Narrow.Kind, List<Pair>> kinds =
                new TreeMap<>(Comparator.comparingLong(Narrow.Kind::input).thenComparingLong(Narrow.Kind::function));
        pairs.forEach(pair -> slots.narrow(pair.slot())
                .ifPresent(own -> kinds.computeIfAbsent(own.kind(), kind -> new ArrayList<>())
                        .add(pair)));
        BagNumbers.Tables tables = new BagNumbers.Tables(BagNumbers.group(1 + maxRank), 1 + maxRank, /* blocks= */ 1);
        kinds.forEach((kind, own) -> {
            Sections sections = new Sections();
            for (int i = 0; i < 2; i++) {
                int part = i;
                BagNumbers numbers = sections.add(
                        own,
                        tables,
                        slot -> new BitSet[] {slots.narrow(slot).orElseThrow().rows()[part]},
                        layout.hidden());
                sections.places.add(new long[] {numbers.firsts().length});
                sections.numbers.add(numbers.firsts());
            }
            script.addBottlenecks(
                    call,
                    object,
                    slots.value(),
                    new long[] {kind.input(), kind.function()},
                    RowEncoder.flatten(sections.places),
                    sections.tensor(call));
        });
    }

    /** Of several linears, or of attention and MLPs. */
    private static final class Sections {
        final List<long[]> places = new ArrayList<>();
        final List<long[]> numbers = new ArrayList<>();

        BagNumbers add(List<Pair> pairs, BagNumbers.Tables tables, IntFunction<BitSet[]> ranks, int width) {
            BagNumbers own = BagNumbers.of(pairs, tables, ranks);
            places.add(new long[] {own.rows(), width});
            places.add(
                    own.sections().stream().mapToLong(section -> section.length).toArray());
            numbers.addAll(own.sections());
            return own;
        }

        PtNDArray tensor(TensorScope call) {
            long[] all = RowEncoder.flatten(numbers);
            return call.tensor(all, all.length);
        }
    }

    /** Frees what lanes have. */
    void close() {
        made.values().forEach(last -> last.owner().close());
        made.clear();
    }
}
