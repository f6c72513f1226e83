package io.tandem.kernels.decoder;

import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.FullModule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/**
 * Which rows use modules that their adapters have in full, as {@code full.py} wants it. Empty where no row does.
 *
 * @param embedders two numbers for each adapter whose embedding is used: its slot, and the end of its rows
 * @param embedded those rows
 * @param heads the same of heads; slot -1 for draws that use the model's
 * @param headed numbers of all draws
 * @param window whose head the window's rows use, -1 for the model's, and 1 if it learns
 */
record FullRows(long[] embedders, long[] embedded, long[] heads, long[] headed, long[] window) {
    private static final int MODEL = -1;
    private static final FullRows NONE =
            new FullRows(new long[0], new long[0], new long[0], new long[0], new long[] {MODEL, 0});

    static FullRows of(
            RowEncoder rows, SamplingRows sampling, PackWindows windows, PackRows pack, AdapterSlots adapters) {
        if (!adapters.full().any()) {
            return NONE;
        }
        Map<Integer, List<Integer>> embedded =
                grouped(rows.tokens.length, row -> adapters.full().of(FullModule.EMBED_TOKENS, rows.adapterSlots[row]));
        embedded.remove(MODEL);
        Map<Integer, List<Integer>> headed = grouped(
                sampling.wanted.size(),
                draw -> adapters.full().of(FullModule.LM_HEAD, rows.adapterSlots[sampling.wanted.get(draw)]));
        if (headed.size() == 1 && headed.containsKey(MODEL)) {
            headed.clear();
        }
        return new FullRows(
                ends(embedded), members(embedded), ends(headed), members(headed), window(windows, pack, adapters));
    }

    private static long[] window(PackWindows windows, PackRows rows, AdapterSlots adapters) {
        return rows.packOf(windows)
                .map(pack -> {
                    int slot = adapters.full().of(FullModule.LM_HEAD, pack.adapterSlots());
                    boolean learns = slot != MODEL && pack.learns() && slot == pack.traineeSlot();
                    return new long[] {slot, learns ? 1 : 0};
                })
                .orElse(NONE.window());
    }

    private static Map<Integer, List<Integer>> grouped(int count, IntUnaryOperator slot) {
        Map<Integer, List<Integer>> groups = new TreeMap<>();
        for (int i = 0; i < count; i++) {
            groups.computeIfAbsent(slot.applyAsInt(i), unused -> new ArrayList<>())
                    .add(i);
        }
        return groups;
    }

    private static long[] ends(Map<Integer, List<Integer>> groups) {
        List<long[]> ends = new ArrayList<>();
        long end = 0;
        for (Map.Entry<Integer, List<Integer>> group : groups.entrySet()) {
            end += group.getValue().size();
            ends.add(new long[] {group.getKey(), end});
        }
        return RowEncoder.flatten(ends);
    }

    private static long[] members(Map<Integer, List<Integer>> groups) {
        return groups.values().stream()
                .flatMap(List::stream)
                .mapToLong(row -> row)
                .toArray();
    }

    /** Rows with a label whose backward pass begins with these windows, then the labels. */
    static long[] learned(List<PackWindows.Backward> units, PackRows pack, int lastLayer) {
        return pairs(rows(units, lastLayer).filter(row -> pack.label(row) != TrainingPack.IGNORED), pack::label);
    }

    /** Rows with a token of the vocabulary whose backward pass ends with these windows, then the tokens. */
    static long[] embedded(List<PackWindows.Backward> units, PackRows pack, int firstLayer) {
        return pairs(rows(units, firstLayer).filter(row -> pack.token(row) >= 0), pack::token);
    }

    private static IntStream rows(List<PackWindows.Backward> units, int layer) {
        return units.stream()
                .filter(unit -> unit.layer() == layer)
                .flatMapToInt(unit -> IntStream.range(unit.from(), unit.to()));
    }

    private static long[] pairs(IntStream rows, IntUnaryOperator number) {
        int[] chosen = rows.toArray();
        return IntStream.concat(IntStream.of(chosen), IntStream.of(chosen).map(number))
                .asLongStream()
                .toArray();
    }
}
