package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Factors whose B has a bias: {@code y = W x + b + s (B A x + c)}, PEFT's {@code lora_bias}. A device has the bias as one more
 * rank, whose A is zero and whose product with A is taken for one.
 *
 * @param factors A, B and s
 * @param bias c, one for each output
 */
public record BiasedFactors(LowRank factors, float[] bias) implements Change {
    /** PEFT's name of the bias. */
    public static final String BIAS = "lora_B.bias";

    public BiasedFactors {
        if (bias.length != factors.outputs()) {
            throw new IllegalArgumentException("a bias of " + bias.length + " for " + factors.outputs() + " outputs");
        }
    }

    /** The bias with the scaling inside, as the device keeps it. */
    public float[] scaledBias() {
        float[] scaled = new float[bias.length];
        for (int i = 0; i < bias.length; i++) {
            scaled[i] = factors.scaled(bias[i]);
        }
        return scaled;
    }

    @Override
    public String form() {
        return "LoRA with a bias";
    }

    @Override
    public int inputs() {
        return factors.inputs();
    }

    @Override
    public int outputs() {
        return factors.outputs();
    }

    @Override
    public int slotRanks() {
        return factors.rank() + 1;
    }

    @Override
    public Optional<LowRank> lowRank() {
        return Optional.of(factors);
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> parameters = new ArrayList<>(factors.parameters());
        parameters.add(new Parameter(BIAS, outputs(), 1, bias));
        return parameters;
    }

    @Override
    public BiasedFactors with(List<float[]> values) {
        return new BiasedFactors(factors.with(values), values.get(2));
    }

    @Override
    public void requireFinite(Dtype dtype) {
        factors.requireFinite(dtype);
        for (float number : scaledBias()) {
            if (!dtype.holds(number)) {
                throw new IllegalArgumentException("has a bias that is not a finite number with kernels.dtype "
                        + dtype.label() + "; it counts times the scaling of " + factors.scaling());
            }
        }
    }

    /** That of the product and of the bias as one matrix. */
    @Override
    public double norm() {
        double squares = Math.pow(factors.norm(), 2);
        for (float number : scaledBias()) {
            squares += (double) number * number;
        }
        return Math.sqrt(squares);
    }
}
