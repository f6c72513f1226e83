package io.tandem.kernels;

import io.tandem.kernels.model.JoinedLinear;
import io.tandem.kernels.model.ModelConfig;

/** The tables that {@code adapter/bags.py} reads what single rows are multiplied with from. */
public final class RowTables {
    /** Ranks that rows are multiplied with at once. */
    private static final int RANK_GROUP = 8;

    private RowTables() {}

    /** How many of so many ranks lie side by side in the first table. */
    public static int group(int ranks) {
        return Math.min(RANK_GROUP, ranks);
    }

    private static int groups(int ranks) {
        return (ranks + group(ranks) - 1) / group(ranks);
    }

    /** Ranks that a slot has room for in the first table: whole groups. */
    static long wholeRanks(int ranks) {
        return (long) groups(ranks) * group(ranks);
    }

    /** Columns of a joined linear's output, so many that no block of them crosses the border of a module. */
    public static int blockWidth(ModelConfig model, JoinedLinear linear) {
        return linear.modules().stream()
                .mapToInt(module -> module.outputs(model))
                .reduce(0, RowTables::greatestDivisor);
    }

    private static int greatestDivisor(int a, int b) {
        return b == 0 ? a : greatestDivisor(b, a % b);
    }

    /**
     * Rows of tables are counted in 32 bits: a row is read with its number, which is half as large as with 64.
     *
     * @throws IllegalArgumentException if a table has more
     */
    static void requireCountable(ModelConfig model, KernelsConfig limits) {
        int rank = limits.maxRank();
        long ofLinears = model.linears().stream()
                .mapToLong(linear -> Math.max(
                        groups(rank) * (1L + linear.inputs(model)),
                        (long) linear.modules().size() * rank * linear.outputs(model) / blockWidth(model, linear)))
                .max()
                .orElse(0);
        long ofBottlenecks = groups(1 + rank) * (1L + model.hidden());
        long rows = limits.adapterSlots() * Math.max(ofLinears, ofBottlenecks);
        if (rows > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(limits.adapterSlots()
                    + " adapter slots, those of training included, with a"
                    + " kernels.max-rank of " + rank + " would be tables of " + rows + " rows for this model, and "
                    + Integer.MAX_VALUE + " are the most; lower kernels.adapter-slots or kernels.max-rank");
        }
    }
}
