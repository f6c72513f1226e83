package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.List;
import java.util.Optional;

/**
 * The largest singular values of W, which learn between its singular vectors, which do not: {@code y = W x + b + U diag(d) V^T x},
 * where d is what the values have changed by (SVFit). A form of adapters that are trained; what is served and exported is
 * {@link #served}, in which d is folded into U.
 *
 * @param vectors U as B, and {@code V^T} as A
 * @param changes d
 */
public record SingularValues(LowRank vectors, float[] changes) implements Change {
    /** What the values have changed by, in a checkpoint. */
    public static final String CHANGES = "singular_values";

    public SingularValues {
        if (changes.length != vectors.rank()) {
            throw new IllegalArgumentException(
                    changes.length + " singular values changed, of " + vectors.rank() + " there are vectors");
        }
    }

    @Override
    public String form() {
        return "singular values";
    }

    @Override
    public int inputs() {
        return vectors.inputs();
    }

    @Override
    public int outputs() {
        return vectors.outputs();
    }

    @Override
    public int rank() {
        return vectors.rank();
    }

    /** None of the ranks of the factors. */
    @Override
    public int learning() {
        return 0;
    }

    @Override
    public Optional<LowRank> lowRank() {
        return Optional.of(served());
    }

    @Override
    public float[] right() {
        return vectors.a();
    }

    @Override
    public double scaling() {
        return vectors.scaling();
    }

    /** {@code V^T} and {@code U diag(d)}. */
    @Override
    public LowRank served() {
        float[] b = vectors.b().clone();
        for (int i = 0; i < b.length; i++) {
            b[i] *= changes[i % rank()];
        }
        return vectors.with(List.of(vectors.a(), b));
    }

    @Override
    public List<Parameter> parameters() {
        return List.of(new Parameter(CHANGES, rank(), 1, changes));
    }

    /** U too, whose columns are zero in what is served where d is. */
    @Override
    public List<Parameter> kept() {
        return List.of(parameters().get(0), vectors.parameters().get(1));
    }

    @Override
    public SingularValues with(List<float[]> values) {
        return new SingularValues(vectors, values.get(0));
    }

    @Override
    public void requireFinite(Dtype dtype) {
        vectors.requireFinite(dtype);
        served().requireFinite(dtype);
    }

    @Override
    public double norm() {
        return served().norm();
    }
}
