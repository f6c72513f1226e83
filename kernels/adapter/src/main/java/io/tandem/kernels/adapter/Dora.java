package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Factors that turn the rows of W, and a magnitude for each: {@code y = m * (W + s B A) x / |W + s B A| + b}, the norm over
 * each row (DoRA, Liu et al., 2024). In the gradient the norm counts as a constant, as in the paper and in PEFT.
 *
 * @param direction the factors
 * @param magnitude m, one for each output; empty for the norms of W's rows, where training starts, which only a device knows
 */
public record Dora(LowRank direction, Optional<float[]> magnitude) implements Change {
    /** PEFT's name of the magnitudes. */
    public static final String MAGNITUDE = "lora_magnitude_vector";

    public Dora {
        magnitude.ifPresent(m -> {
            if (m.length != direction.outputs()) {
                throw new IllegalArgumentException(m.length + " magnitudes for " + direction.outputs() + " outputs");
            }
        });
    }

    public Dora(LowRank direction, float[] magnitude) {
        this(direction, Optional.of(magnitude));
    }

    /** Whose magnitudes are the norms of W's rows. */
    public static Dora fresh(LowRank direction) {
        return new Dora(direction, Optional.empty());
    }

    /** Whether the magnitudes are still those of W. */
    public boolean isFresh() {
        return magnitude.isEmpty();
    }

    @Override
    public String form() {
        return "DoRA";
    }

    @Override
    public int inputs() {
        return direction.inputs();
    }

    @Override
    public int outputs() {
        return direction.outputs();
    }

    @Override
    public Optional<LowRank> lowRank() {
        return Optional.of(direction);
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> parameters = new ArrayList<>(direction.parameters());
        parameters.add(new Parameter(MAGNITUDE, outputs(), 1, magnitude.orElseGet(() -> new float[outputs()])));
        return parameters;
    }

    @Override
    public Dora with(List<float[]> values) {
        return new Dora(direction.with(values), values.get(2));
    }

    @Override
    public void requireFinite(Dtype dtype) {
        direction.requireFinite(dtype);
        for (float m : magnitude.orElseGet(() -> new float[0])) {
            if (!Float.isFinite(m)) {
                throw new IllegalArgumentException("has a magnitude that is not a finite number");
            }
        }
    }

    /** That of the factors' product; what the magnitudes change only a device knows. */
    @Override
    public double norm() {
        return direction.norm();
    }

    @Override
    public boolean isIdle() {
        return false;
    }
}
