package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Factors with a core between them, {@code y = W x + b + s B C A x}, of which all three learn: a Tucker decomposition of the
 * change (FLoRA), or with a diagonal C its singular values (IncreLoRA, AdaLoRA). A form of adapters that are trained; what is
 * served and exported is {@link #served}, in which C is folded into B.
 *
 * @param outer A and B with room for all ranks, and the scaling of those in use
 * @param core C, {@code [rank]} or row by row {@code [rank, rank]}
 * @param ranks which of them there are by now
 */
public record Core(LowRank outer, Shape shape, float[] core, Ranks ranks) implements Change {
    /** The name that PEFT gives AdaLoRA's, which has the shape of a diagonal one. */
    public static final String E = "lora_E";

    /** Which numbers a core has. */
    public enum Shape {
        DIAGONAL,
        FULL;

        /** Of a core of so many ranks. */
        public int numbers(int rank) {
            return this == DIAGONAL ? rank : rank * rank;
        }
    }

    /**
     * How many ranks there are by now, of those that there is room for.
     *
     * @param used which are served, and all of whose numbers learn
     * @param first so many at the start
     * @param step by so many more they grow
     * @param ahead so many behind them learn their part of A and B already, but not of C (IncreLoRA's advance learning)
     */
    public record Ranks(int used, int first, int step, int ahead) {
        /** Ranks that do not grow. */
        public static Ranks all(int rank) {
            return new Ranks(rank, rank, rank, 0);
        }

        /** Those that take part in training. */
        public int present() {
            return used + ahead;
        }
    }

    public Core {
        int room = outer.rank();
        if (core.length != shape.numbers(room)) {
            throw new IllegalArgumentException(
                    "a core of " + core.length + " numbers, expected " + shape.numbers(room) + " for rank " + room);
        }
        boolean reached = (ranks.used - ranks.first) % ranks.step == 0;
        boolean ordered = ranks.first >= 1 && ranks.used >= ranks.first && ranks.ahead >= 0 && ranks.present() <= room;
        if (!ordered || !reached) {
            throw new IllegalArgumentException(ranks + " with room for " + room);
        }
    }

    /**
     * The same numbers with more ranks in use.
     *
     * @param complete whether it will get no more, so that none learn ahead
     * @throws IllegalArgumentException if it cannot have so many
     */
    public Core grown(int used, boolean complete, double scaling) {
        int ahead = complete ? 0 : Math.min(ranks.ahead, outer.rank() - used);
        return with(new Ranks(used, ranks.first, ranks.step, ahead), scaling);
    }

    /** The same numbers with other ranks in use. */
    public Core with(Ranks other, double scaling) {
        LowRank scaled = new LowRank(outer.rank(), inputs(), outputs(), outer.a(), outer.b(), scaling);
        return new Core(scaled, shape, core, other);
    }

    /** Whether its ranks may become more. */
    public boolean grows() {
        return ranks.first < outer.rank();
    }

    @Override
    public String form() {
        return "LoRA with a core";
    }

    @Override
    public int inputs() {
        return outer.inputs();
    }

    @Override
    public int outputs() {
        return outer.outputs();
    }

    /** All that there is room for. */
    @Override
    public int rank() {
        return outer.rank();
    }

    /** What is served, with zeros where there are no ranks yet. */
    @Override
    public Optional<LowRank> lowRank() {
        LowRank served = served();
        float[] b = new float[outer.b().length];
        for (int row = 0; row < outputs(); row++) {
            System.arraycopy(served.b(), row * ranks.used, b, row * rank(), ranks.used);
        }
        float[] a = Arrays.copyOf(served.a(), outer.a().length);
        return Optional.of(new LowRank(rank(), inputs(), outputs(), a, b, outer.scaling()));
    }

    @Override
    public float[] right() {
        return outer.a();
    }

    @Override
    public double scaling() {
        return outer.scaling();
    }

    /** A and {@code B C} of the ranks in use. */
    @Override
    public LowRank served() {
        int used = ranks.used;
        float[] folded = new float[outputs() * used];
        double[] sums = new double[used];
        for (int row = 0; row < outputs(); row++) {
            if (shape == Shape.DIAGONAL) {
                for (int i = 0; i < used; i++) {
                    sums[i] = (double) outer.b()[row * rank() + i] * core[i];
                }
            } else {
                multiply(row, sums);
            }
            for (int column = 0; column < used; column++) {
                folded[row * used + column] = (float) sums[column];
            }
        }
        return new LowRank(
                used, inputs(), outputs(), Arrays.copyOf(outer.a(), used * inputs()), folded, outer.scaling());
    }

    /** A row of B times a full C. */
    private void multiply(int row, double[] product) {
        Arrays.fill(product, 0);
        for (int i = 0; i < product.length; i++) {
            double factor = outer.b()[row * rank() + i];
            int from = i * rank();
            for (int column = 0; column < product.length; column++) {
                product[column] += factor * core[from + column];
            }
        }
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> factors = outer.parameters();
        int columns = shape == Shape.DIAGONAL ? 1 : rank();
        return List.of(factors.get(0), factors.get(1), new Parameter(E, rank(), columns, core));
    }

    /** All of them: what is served has B and C only as their product. */
    @Override
    public List<Parameter> kept() {
        return parameters();
    }

    @Override
    public Core with(List<float[]> values) {
        return new Core(outer.with(values.subList(0, 2)), shape, values.get(2), ranks);
    }

    @Override
    public void requireFinite(Dtype dtype) {
        outer.requireFinite(dtype);
        served().requireFinite(dtype);
    }

    @Override
    public double norm() {
        return served().norm();
    }
}
