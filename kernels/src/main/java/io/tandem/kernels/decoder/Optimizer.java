package io.tandem.kernels.decoder;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.decoder.OptimizerLayout.Region;
import io.tandem.kernels.decoder.OptimizerLayout.StateTensor;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** What updates a vector of factors: its object in {@code optim/optimizer.py}, and the names of its state. */
final class Optimizer {
    private final ScriptModule script;
    private final TensorScope scope;
    private final OptimizerConfig config;
    private final OptimizerLayout layout;
    private final IValue value;

    /**
     * @param scope owns the state
     * @param factors in the order of the vector
     */
    Optimizer(ScriptModule script, TensorScope scope, OptimizerConfig config, List<Factor> factors) {
        this.script = script;
        this.scope = scope;
        this.config = config;
        this.layout = OptimizerLayout.of(factors, config);
        try (TensorScope call = scope.open()) {
            value = script.call(
                    scope,
                    "new_optimizer",
                    call.text(config.method().name().toLowerCase(Locale.ROOT)),
                    call.own(IValue.listFrom(
                            config.beta1(),
                            config.beta2(),
                            config.epsilon(),
                            config.weightDecay(),
                            config.maxGradientNorm())),
                    call.numbers(places()),
                    call.own(IValue.listFrom(
                            layout.regions().stream().mapToDouble(Region::rate).toArray())),
                    call.numbers(sizes()));
        }
    }

    private long[] places() {
        return layout.regions().stream()
                .flatMapToLong(region -> LongStream.of(
                        region.start(), region.length(), region.at(), region.quantized() ? region.block() : -1))
                .toArray();
    }

    private long[] sizes() {
        return layout.tensors().stream()
                .flatMapToLong(
                        tensor -> LongStream.of(tensor.length(), tensor.type().getNumOfBytes()))
                .toArray();
    }

    /**
     * Updates the weights from gradients * scale, and clears the gradients.
     *
     * @return the norm of the scaled gradient before clipping; if it is not finite nothing was updated
     */
    double step(IValue weights, IValue gradients, double learningRate, double scale) {
        try (TensorScope call = scope.open()) {
            return script.call(
                            call,
                            "optimizer_step",
                            value,
                            weights,
                            gradients,
                            call.number(learningRate),
                            call.number(scale))
                    .toDouble();
        }
    }

    IValue value() {
        return value;
    }

    OptimizerState state() {
        SortedMap<String, byte[]> tensors = new TreeMap<>();
        try (TensorScope call = scope.open()) {
            PtNDArray[] state = call.tensors(script.call(call, "optimizer_state", value));
            for (int i = 0; i < state.length; i++) {
                tensors.put(layout.tensors().get(i).name(), TensorScope.bytes(state[i]));
            }
            return new OptimizerState((int) script.call(call, "steps", value).toLong(), tensors);
        }
    }

    /** @throws IllegalArgumentException if the state is not one of this method and these factors */
    void restore(OptimizerState state) {
        check(state);
        try (TensorScope call = scope.open()) {
            PtNDArray[] tensors = layout.tensors().stream()
                    .map(tensor -> call.tensor(ByteBuffer.wrap(bytes(state, tensor)), tensor.type(), tensor.length()))
                    .toArray(PtNDArray[]::new);
            script.call(call, "restore_optimizer", value, call.number(state.steps()), call.list(tensors));
        }
    }

    private void check(OptimizerState state) {
        List<String> names =
                layout.tensors().stream().map(StateTensor::name).sorted().collect(Collectors.toList());
        if (!List.copyOf(state.tensors().keySet()).equals(names)) {
            throw new IllegalArgumentException(
                    "the optimizer's state has " + state.tensors().keySet() + ", " + config.method() + " has " + names);
        }
        if (state.steps() < 0) {
            throw new IllegalArgumentException("the optimizer's state has made " + state.steps() + " steps");
        }
        for (StateTensor tensor : layout.tensors()) {
            int found = bytes(state, tensor).length;
            if (found != tensor.bytes()) {
                throw new IllegalArgumentException(
                        "the optimizer's " + tensor.name() + " has " + found + " bytes, expected " + tensor.bytes());
            }
        }
    }

    private static byte[] bytes(OptimizerState state, StateTensor tensor) {
        return Objects.requireNonNull(state.tensors().get(tensor.name()));
    }

    long stateBytes() {
        return layout.stateBytes();
    }
}
