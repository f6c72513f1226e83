package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Factors of which only the first ranks learn. A form of adapters that are trained; what is kept, served and exported of it
 * is {@link #served}.
 *
 * @param whole all ranks
 * @param learning how many of them learn, at least one
 */
public record LeadingRanks(LowRank whole, int learning) implements Change {
    public LeadingRanks {
        if (learning < 1 || learning > whole.rank()) {
            throw new IllegalArgumentException(
                    learning + " of " + whole.rank() + " ranks learn, expected some of them");
        }
    }

    /**
     * Factors that count by how far they are from where they start: {@code y = W x + b + s (B A - B0 A0) x}. The ranks of
     * {@code -B0 A0} follow those of {@code B A}, as where PEFT converts an adapter that was subtracted from the weight.
     */
    public static LeadingRanks departing(LowRank start) {
        int rank = start.rank();
        float[] a = Arrays.copyOf(start.a(), 2 * start.a().length);
        System.arraycopy(start.a(), 0, a, start.a().length, start.a().length);
        float[] b = new float[2 * start.b().length];
        for (int row = 0; row < start.outputs(); row++) {
            for (int i = 0; i < rank; i++) {
                b[2 * row * rank + i] = start.b()[row * rank + i];
                b[(2 * row + 1) * rank + i] = -start.b()[row * rank + i];
            }
        }
        return new LeadingRanks(new LowRank(2 * rank, start.inputs(), start.outputs(), a, b, start.scaling()), rank);
    }

    @Override
    public String form() {
        return "LoRA that is trained in part";
    }

    @Override
    public int inputs() {
        return whole.inputs();
    }

    @Override
    public int outputs() {
        return whole.outputs();
    }

    @Override
    public Optional<LowRank> lowRank() {
        return Optional.of(whole);
    }

    @Override
    public LowRank served() {
        return whole;
    }

    /** Those that learn. */
    @Override
    public List<Parameter> parameters() {
        float[] a = Arrays.copyOf(whole.a(), learning * inputs());
        float[] b = new float[outputs() * learning];
        for (int row = 0; row < outputs(); row++) {
            System.arraycopy(whole.b(), row * whole.rank(), b, row * learning, learning);
        }
        return List.of(
                new Parameter(LowRank.A, learning, inputs(), a), new Parameter(LowRank.B, outputs(), learning, b));
    }

    @Override
    public LeadingRanks with(List<float[]> values) {
        float[] a = whole.a().clone();
        System.arraycopy(values.get(0), 0, a, 0, learning * inputs());
        float[] b = whole.b().clone();
        for (int row = 0; row < outputs(); row++) {
            System.arraycopy(values.get(1), row * learning, b, row * whole.rank(), learning);
        }
        return new LeadingRanks(whole.with(List.of(a, b)), learning);
    }

    @Override
    public void requireFinite(Dtype dtype) {
        whole.requireFinite(dtype);
    }

    @Override
    public double norm() {
        return whole.norm();
    }
}
