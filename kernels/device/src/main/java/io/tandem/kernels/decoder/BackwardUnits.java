package io.tandem.kernels.decoder;

import java.util.ArrayList;
import java.util.List;

/**
 * Backward windows as {@code Decoder.backward} wants them.
 *
 * @param packs whose rows they have
 * @param numbers one row after the other
 */
record BackwardUnits(List<LaidPack> packs, long[] numbers) {

    /** @param together whether rows of several packs share a window */
    static BackwardUnits of(List<PackWindows.Backward> units, PackRows rows, boolean together) {
        List<Integer> packs = new ArrayList<>();
        List<long[]> numbers = new ArrayList<>();
        for (PackWindows.Backward unit : units) {
            List<int[]> spans = spans(unit, rows);
            for (List<int[]> window : together ? List.of(spans) : each(spans)) {
                int end = window.get(window.size() - 1)[1];
                numbers.add(new long[] {unit.layer(), window.get(0)[0], end, window.size()});
                for (int[] span : window) {
                    int pack = rows.packOf(span[0]);
                    if (!packs.contains(pack)) {
                        packs.add(pack);
                    }
                    List<long[]> sequences = rows.windows(span[0], span[1]);
                    numbers.add(new long[] {packs.indexOf(pack), span[1] - span[0], sequences.size()});
                    numbers.addAll(sequences);
                }
            }
        }
        return new BackwardUnits(packs.stream().map(rows.packs()::get).toList(), RowEncoder.flatten(numbers));
    }

    private static List<List<int[]>> each(List<int[]> spans) {
        return spans.stream().map(List::of).toList();
    }

    /** First row and end of each pack's rows. */
    private static List<int[]> spans(PackWindows.Backward unit, PackRows rows) {
        List<int[]> spans = new ArrayList<>();
        int from = unit.from();
        while (from < unit.to()) {
            int end = from + 1;
            while (end < unit.to() && rows.packOf(end) == rows.packOf(from)) {
                end++;
            }
            spans.add(new int[] {from, end});
            from = end;
        }
        return spans;
    }
}
