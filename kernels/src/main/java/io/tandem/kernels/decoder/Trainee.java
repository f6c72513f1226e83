package io.tandem.kernels.decoder;

import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.decoder.AdapterLayout.Part;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.LongStream;

/** An adapter that learns: its object in {@code trainee.py}, and the shape to read it by. */
final class Trainee implements AutoCloseable {
    private static final List<String> STATE = List.of("first_moment", "second_moment");

    private final ScriptModule script;
    private final TensorScope scope;
    private final AdapterSlots adapters;
    private final AdapterLayout layout;
    private final Adapter like;
    private final OptimizerConfig optimizer;
    private final IValue value;

    Trainee(
            ScriptModule script,
            TensorScope scope,
            AdapterSlots adapters,
            int slot,
            Adapter initial,
            AdapterLayout layout,
            OptimizerConfig optimizer) {
        this.script = script;
        this.scope = scope;
        this.adapters = adapters;
        this.layout = layout;
        this.like = initial;
        this.optimizer = optimizer;
        List<long[]> banks = new ArrayList<>();
        List<long[]> parts = new ArrayList<>();
        List<Double> scalings = new ArrayList<>();
        long at = 0;
        for (int bank = 0; bank < layout.banks(); bank++) {
            int ranks = layout.ranks(initial, bank);
            banks.add(new long[] {ranks, layout.inputs(bank), at});
            at += (long) ranks * layout.inputs(bank);
            for (Part part : layout.parts(initial, bank)) {
                int rank = part.factors().rank();
                int width = part.factors().outputs();
                parts.add(new long[] {bank, part.row(), rank, part.column(), width, at});
                scalings.add(part.factors().scaling());
                at += (long) rank * width;
            }
        }
        try (TensorScope call = scope.open()) {
            float[] flat = layout.flatten(initial);
            value = script.call(
                    scope,
                    "new_trainee",
                    adapters.value(),
                    call.number(slot),
                    call.value(call.tensor(flat, flat.length)),
                    call.numbers(banks.stream().flatMapToLong(LongStream::of).toArray()),
                    call.numbers(parts.stream().flatMapToLong(LongStream::of).toArray()),
                    call.own(IValue.listFrom(
                            scalings.stream().mapToDouble(s -> s).toArray())));
        }
        adapters.occupy(slot, initial);
    }

    IValue value() {
        return value;
    }

    double step(double learningRate, double lossScale) {
        try (TensorScope call = scope.open()) {
            IValue settings = call.own(IValue.listFrom(
                    optimizer.beta1(),
                    optimizer.beta2(),
                    optimizer.epsilon(),
                    optimizer.weightDecay(),
                    optimizer.maxGradientNorm()));
            double norm = script.call(
                            call,
                            "step",
                            adapters.value(),
                            value,
                            call.number(learningRate),
                            call.number(lossScale),
                            settings)
                    .toDouble();
            adapters.changed();
            return norm;
        }
    }

    Adapter snapshot() {
        return read("weights");
    }

    Adapter gradients() {
        return read("gradients");
    }

    private Adapter read(String method) {
        try (TensorScope call = scope.open()) {
            return layout.unflatten(call.floats(script.call(call, method, value)), like);
        }
    }

    OptimizerState state() {
        SortedMap<String, byte[]> tensors = new TreeMap<>();
        try (TensorScope call = scope.open()) {
            IValue[] members = call.members(script.call(call, "optimizer_state", value));
            for (int i = 0; i < STATE.size(); i++) {
                tensors.put(STATE.get(i), call.bytes(members[i]));
            }
            return new OptimizerState((int) script.call(call, "steps", value).toLong(), tensors);
        }
    }

    /** @throws IllegalArgumentException if the state is not one of such an adapter */
    void restore(OptimizerState state) {
        if (!state.tensors().keySet().equals(Set.copyOf(STATE))) {
            throw new IllegalArgumentException(
                    "the optimizer's state has " + state.tensors().keySet() + ", expected " + STATE);
        }
        try (TensorScope call = scope.open()) {
            List<IValue> arguments = new ArrayList<>(List.of(value, call.number(state.steps())));
            for (String name : STATE) {
                byte[] bytes = Objects.requireNonNull(state.tensors().get(name));
                if (bytes.length != Float.BYTES * parameters()) {
                    throw new IllegalArgumentException("the optimizer's " + name + " has " + bytes.length
                            + " bytes, expected " + Float.BYTES * parameters());
                }
                arguments.add(call.value(call.tensor(ByteBuffer.wrap(bytes), DataType.FLOAT32, parameters())));
            }
            script.call(call, "restore_optimizer", arguments.toArray(IValue[]::new));
        }
    }

    /** What belongs to this adapter alone. */
    MemoryPlan memory() {
        return MemoryPlan.trainee(parameters(), optimizer);
    }

    private long parameters() {
        return like.modules().values().stream()
                .mapToLong(factors -> factors.a().length + (long) factors.b().length)
                .sum();
    }

    @Override
    public void close() {
        scope.close();
    }
}
