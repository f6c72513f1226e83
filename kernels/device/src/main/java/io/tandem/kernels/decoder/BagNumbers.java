package io.tandem.kernels.decoder;

import io.tandem.kernels.decoder.RowAdapters.Pair;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * What {@code bags.py} wants to know of the rows of one linear or block.
 *
 * @param rows so many of the first rows have bags
 * @param sources the row of each group; empty if those are the first rows in their order
 * @param groups those in use, counted over all slots
 * @param taken which number of the groups' products each rank of a bag multiplies; empty if that is their order
 * @param up a rank and a block of its columns, counted over all slots
 * @param starts of each bag
 * @param firsts of the groups' products, the one of each pair's first rank
 */
record BagNumbers(int rows, long[] sources, long[] groups, long[] taken, long[] up, long[] starts, long[] firsts) {
    /**
     * Where the two tables have what is in a slot.
     *
     * @param group ranks that lie side by side
     * @param ranks of a slot
     * @param blocks of columns of a rank
     * @param width of a block
     */
    record Tables(int group, int ranks, int blocks, int width) {
        private int groups() {
            return (ranks + group - 1) / group;
        }
    }

    /**
     * @param pairs in the order of the rows, one at least
     * @param own for each block of columns which ranks of a slot change it
     */
    static BagNumbers of(List<Pair> pairs, Tables tables, IntFunction<BitSet[]> own) {
        LongStream.Builder sources = LongStream.builder();
        LongStream.Builder groups = LongStream.builder();
        int[] firstGroups = new int[pairs.size() + 1];
        for (int i = 0; i < pairs.size(); i++) {
            Pair pair = pairs.get(i);
            int length = Arrays.stream(own.apply(pair.slot()))
                    .mapToInt(BitSet::length)
                    .max()
                    .orElse(0);
            int used = (length + tables.group() - 1) / tables.group();
            for (int group = 0; group < used; group++) {
                sources.add(pair.row());
                groups.add((long) pair.slot() * tables.groups() + group);
            }
            firstGroups[i + 1] = firstGroups[i] + used;
        }
        LongStream.Builder taken = LongStream.builder();
        LongStream.Builder up = LongStream.builder();
        int rows = pairs.get(pairs.size() - 1).row() + 1;
        long[] starts = new long[rows * tables.blocks()];
        int count = 0;
        int at = 0;
        for (int row = 0; row < rows; row++) {
            int end = at;
            while (end < pairs.size() && pairs.get(end).row() == row) {
                end++;
            }
            for (int block = 0; block < tables.blocks(); block++) {
                starts[row * tables.blocks() + block] = count;
                for (int i = at; i < end; i++) {
                    int slot = pairs.get(i).slot();
                    BitSet ranks = own.apply(slot)[block];
                    for (int rank = ranks.nextSetBit(0); rank >= 0; rank = ranks.nextSetBit(rank + 1)) {
                        taken.add((long) firstGroups[i] * tables.group() + rank);
                        up.add(((long) slot * tables.ranks() + rank) * tables.blocks() + block);
                        count++;
                    }
                }
            }
            at = end;
        }
        boolean whole = count == firstGroups[pairs.size()] * tables.group();
        long[] order = taken.build().toArray();
        return new BagNumbers(
                rows,
                unlessInOrder(sources.build().toArray()),
                groups.build().toArray(),
                whole ? unlessInOrder(order) : order,
                up.build().toArray(),
                starts,
                firsts(firstGroups, tables.group()));
    }

    private static long[] firsts(int[] firstGroups, int group) {
        return IntStream.range(1, firstGroups.length)
                .filter(i -> firstGroups[i] > firstGroups[i - 1])
                .mapToLong(i -> (long) firstGroups[i - 1] * group)
                .toArray();
    }

    /** Nothing if they count from zero. */
    private static long[] unlessInOrder(long[] numbers) {
        for (int i = 0; i < numbers.length; i++) {
            if (numbers[i] != i) {
                return numbers;
            }
        }
        return new long[0];
    }

    /** In the script's order. */
    List<long[]> sections() {
        return List.of(sources, groups, taken, up, starts);
    }
}
