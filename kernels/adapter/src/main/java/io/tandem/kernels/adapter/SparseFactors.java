package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.Arrays;
import java.util.List;

/**
 * A weight that factors change, of which only the numbers with the highest scores are left (PST, Li et al., 2022):
 *
 * <pre>{@code y = (M * W') x + b,  W' = W + U V,  S = |W'| + A B + r + c}</pre>
 *
 * M is one where S is among the highest and zero elsewhere; r counts for the rows of S and c for its columns. It is not served as
 * an adapter: what comes of it is {@code M * W'}, the weight of a base model of its own.
 *
 * @param change U V
 * @param scores A B, of that rank
 * @param rows r {@code [outputs]}
 * @param columns c {@code [inputs]}
 * @param sparsity the share of the weight that M leaves out, from 0 to less than 1
 */
public record SparseFactors(LowRank change, LowRank scores, float[] rows, float[] columns, double sparsity)
        implements OwnWeight {
    public static final String U = "pst_U";
    public static final String V = "pst_V";
    public static final String A = "pst_A";
    public static final String B = "pst_B";
    public static final String R = "pst_R";
    public static final String C = "pst_C";

    public SparseFactors {
        boolean alike = change.rank() == scores.rank()
                && change.inputs() == scores.inputs()
                && change.outputs() == scores.outputs();
        if (!alike || rows.length != change.outputs() || columns.length != change.inputs()) {
            throw new IllegalArgumentException("scores that are not those of a weight [" + change.outputs() + ", "
                    + change.inputs() + "] with rank " + change.rank());
        }
        if (change.scaling() != 1 || scores.scaling() != 1) {
            throw new IllegalArgumentException("products that are scaled");
        }
        if (!(sparsity >= 0 && sparsity < 1)) {
            throw new IllegalArgumentException("a sparsity of " + sparsity);
        }
    }

    /** The same that leaves out another share. */
    public SparseFactors with(double otherSparsity) {
        return new SparseFactors(change, scores, rows, columns, otherSparsity);
    }

    /** How many numbers of the weight M leaves out. More are where scores are equal. */
    public int pruned() {
        return (int) (sparsity * ((long) inputs() * outputs()));
    }

    /**
     * {@code M * W'}. Each number and each score is computed in the order of the device's operations, each of which is rounded
     * to float32, so both are the same to the last bit.
     *
     * @param weight W {@code [outputs, inputs]}, as the device has it; becomes the result
     */
    public float[] prune(float[] weight) {
        addProduct(change, weight);
        float[] all = new float[weight.length];
        for (int i = 0; i < all.length; i++) {
            all[i] = Math.abs(weight[i]);
        }
        addProduct(scores, all);
        for (int i = 0; i < all.length; i++) {
            all[i] += rows[i / inputs()] + columns[i % inputs()];
        }
        int pruned = pruned();
        if (pruned > 0) {
            float[] sorted = all.clone();
            Arrays.sort(sorted);
            float highest = sorted[pruned - 1];
            for (int i = 0; i < weight.length; i++) {
                weight[i] = all[i] > highest ? weight[i] : 0;
            }
        }
        return weight;
    }

    private static void addProduct(LowRank factors, float[] to) {
        int rank = factors.rank();
        for (int i = 0; i < to.length; i++) {
            int output = i / factors.inputs();
            int input = i % factors.inputs();
            for (int k = 0; k < rank; k++) {
                to[i] += factors.b()[output * rank + k] * factors.a()[k * factors.inputs() + input];
            }
        }
    }

    @Override
    public String form() {
        return "factors over sparse weights";
    }

    @Override
    public int inputs() {
        return change.inputs();
    }

    @Override
    public int outputs() {
        return change.outputs();
    }

    @Override
    public List<Parameter> parameters() {
        int rank = change.rank();
        return List.of(
                new Parameter(U, outputs(), rank, change.b()),
                new Parameter(V, rank, inputs(), change.a()),
                new Parameter(A, outputs(), rank, scores.b()),
                new Parameter(B, rank, inputs(), scores.a()),
                new Parameter(R, outputs(), 1, rows),
                new Parameter(C, inputs(), 1, columns));
    }

    @Override
    public SparseFactors with(List<float[]> values) {
        return new SparseFactors(
                change.with(List.of(values.get(1), values.get(0))),
                scores.with(List.of(values.get(3), values.get(2))),
                values.get(4),
                values.get(5),
                sparsity);
    }

    @Override
    public void requireFinite(Dtype dtype) {
        for (Parameter parameter : parameters()) {
            for (float value : parameter.values()) {
                if (!Float.isFinite(value)) {
                    throw new IllegalArgumentException("has a number that is not finite in " + parameter.name());
                }
            }
        }
    }

    /** That of {@code U V}, which what is left out adds to. */
    @Override
    public double norm() {
        return change.norm();
    }
}
