package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.decoder.AdapterArguments.Singles;
import io.tandem.kernels.decoder.BagLayout.Narrow;
import io.tandem.kernels.decoder.BagNumbers.Tables;
import io.tandem.kernels.decoder.RowAdapters.Gathered;
import io.tandem.kernels.decoder.RowAdapters.Pair;
import io.tandem.kernels.decoder.ScriptObjects.SinglesObject;
import io.tandem.kernels.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What lanes have for rows that find their adapters one by one. It is kept until the rows use others, or one of these
 * changes: decode rows stay the same for many iterations.
 */
final class SingleRows {
    private final DecoderScript script;
    private final TensorScope scope;
    private final AdapterSlots slots;
    private final BagLayout layout;
    private final Map<Place, Made> made = new HashMap<>();
    /** How often what is in each slot had changed when it was turned last. */
    private final long[] turned;

    SingleRows(DecoderScript script, TensorScope scope, AdapterSlots slots, BagLayout layout, int count) {
        this.script = script;
        this.scope = scope;
        this.slots = slots;
        this.layout = layout;
        this.turned = new long[count];
        Arrays.fill(turned, -1);
    }

    /**
     * @param joined slots whose factors rows find by masks, because a router chooses which linears they meet
     * @param changes how often what is in each of the slots has changed
     */
    private record Use(List<Gathered> gathered, List<Pair> pairs, List<Integer> joined, Map<Integer, Long> changes) {}

    private record Made(Use use, TensorScope owner, SinglesObject object) {}

    /**
     * @param part of its iteration
     * @param view of the rows, as {@link Depth} numbers them
     */
    private record Place(int lane, int part, int view) {}

    /**
     * For the rows of a lane, view by view. Lanes whose iterations have several parts come here at the same time.
     *
     * @param part of the lane's iteration, which has other rows than others
     */
    synchronized List<SinglesObject> of(int lane, int part, Depth depth) {
        return IntStream.range(0, depth.views().size())
                .mapToObj(view ->
                        of(new Place(lane, part, view), depth.views().get(view).adapters()))
                .toList();
    }

    private SinglesObject of(Place place, RowAdapters rows) {
        List<Integer> joined =
                layout.routed() ? rows.slots().stream().filter(slots::hasRanks).toList() : List.of();
        Map<Integer, Long> changes = Stream.of(
                        rows.gathered().stream().map(Gathered::slot),
                        rows.pairs().stream().map(Pair::slot),
                        joined.stream())
                .flatMap(slot -> slot)
                .distinct()
                .collect(Collectors.toMap(slot -> slot, slots::changes, (first, second) -> first, TreeMap::new));
        Use use = new Use(rows.gathered(), rows.pairs(), joined, changes);
        @Nullable Made last = made.get(place);
        if (last != null && last.use().equals(use)) {
            return last.object();
        }
        if (last != null) {
            made.remove(place);
            last.owner().close();
        }
        TensorScope owner = scope.open();
        SinglesObject object = make(owner, use);
        made.put(place, new Made(use, owner, object));
        return object;
    }

    private SinglesObject make(TensorScope owner, Use use) {
        List<Integer> paired = use.pairs().stream().map(Pair::slot).distinct().toList();
        long[] all = numbers(Stream.concat(
                use.gathered().stream().map(Gathered::slot), (layout.routed() ? use.joined() : paired).stream()));
        Sections sections = new Sections();
        sections.numbers.add(numbers(use.gathered().stream().flatMap(own -> own.rows().stream())));
        List<long[]> linears = linears(use.pairs(), sections);
        List<long[]> bottlenecks = bottlenecks(use.pairs(), sections);
        try (TensorScope call = owner.open()) {
            paired.forEach(slot -> turn(call, slot));
            return script.newSingles(
                    owner,
                    slots.value(),
                    new Singles(
                            sections.tensor(call),
                            numbers(use.gathered().stream()
                                    .map(own -> own.rows().size())),
                            all,
                            slots.ranks(all),
                            numbers(use.joined().stream()),
                            paired.stream().anyMatch(slots::isBiased),
                            RowEncoder.flatten(linears),
                            RowEncoder.flatten(bottlenecks)));
        }
    }

    private void turn(TensorScope call, int slot) {
        if (turned[slot] != slots.changes(slot)) {
            script.turn(call, slots.value(), slot, slots.ranks(new long[] {slot}));
            turned[slot] = slots.changes(slot);
        }
    }

    private List<long[]> linears(List<Pair> pairs, Sections sections) {
        List<long[]> places = new ArrayList<>();
        for (int i = 0; i < layout.linears() && !layout.routed() && !pairs.isEmpty(); i++) {
            int linear = i;
            sections.add(places, pairs, layout.tables(linear), slot -> slots.ranksByBlock(slot)[linear]);
        }
        return places;
    }

    /** Adapters of one kind are multiplied at once. */
    private List<long[]> bottlenecks(List<Pair> pairs, Sections sections) {
        Map<Bottleneck.Kind, List<Pair>> kinds = new LinkedHashMap<>();
        pairs.forEach(pair -> slots.narrow(pair.slot())
                .ifPresent(own -> kinds.computeIfAbsent(read(own), kind -> new ArrayList<>())
                        .add(pair)));
        List<long[]> places = new ArrayList<>();
        kinds.forEach((kind, own) -> {
            places.add(new long[] {kind.input().code(), kind.function().code()});
            for (int i = 0; i < 2; i++) {
                int part = i;
                BagNumbers numbers = sections.add(
                        places, own, layout.tablesOfBottlenecks(), slot -> new BitSet[] {rows(slot, part)});
                places.add(new long[] {numbers.firsts().length});
                sections.numbers.add(numbers.firsts());
            }
        });
        return places;
    }

    /** The scaling is in the numbers. */
    private static Bottleneck.Kind read(Narrow own) {
        return new Bottleneck.Kind(own.kind().input(), own.kind().function(), 1);
    }

    private BitSet rows(int slot, int part) {
        return slots.narrow(slot).map(own -> own.rows().get(part)).orElseGet(BitSet::new);
    }

    private static long[] numbers(Stream<Integer> numbers) {
        return numbers.mapToLong(Integer::longValue).toArray();
    }

    /** One after the other in one tensor. */
    private static final class Sections {
        final List<long[]> numbers = new ArrayList<>();

        /** @param places get rows, width and the sections' sizes */
        BagNumbers add(List<long[]> places, List<Pair> pairs, Tables tables, IntFunction<BitSet[]> ranks) {
            BagNumbers own = BagNumbers.of(pairs, tables, ranks);
            places.add(new long[] {own.rows(), tables.width()});
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
