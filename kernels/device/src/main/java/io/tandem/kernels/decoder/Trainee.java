package io.tandem.kernels.decoder;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.decoder.AdapterLayout.Part;
import io.tandem.kernels.tensor.Lanes;
import io.tandem.kernels.tensor.TensorScope;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;

/** An adapter that learns: its object in {@code trainee.py}, and the shape to read it by. */
final class Trainee implements AutoCloseable {
    private final ScriptModule script;
    private final TensorScope scope;
    private final AdapterSlots adapters;
    private final AdapterLayout layout;
    private final Adapter like;
    private final Optimizer optimizer;
    private final IValue value;
    private final Lanes lanes;

    Trainee(
            ScriptModule script,
            TensorScope scope,
            AdapterSlots adapters,
            int slot,
            Adapter initial,
            AdapterLayout layout,
            OptimizerConfig config,
            Lanes lanes) {
        this.script = script;
        this.scope = scope;
        this.adapters = adapters;
        this.layout = layout;
        this.like = initial;
        this.lanes = lanes;
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
                    call.number(lanes.count()),
                    call.numbers(banks.stream().flatMapToLong(LongStream::of).toArray()),
                    call.numbers(parts.stream().flatMapToLong(LongStream::of).toArray()),
                    call.own(IValue.listFrom(
                            scalings.stream().mapToDouble(s -> s).toArray())));
            IValue weights = script.call(call, "weights", value);
            optimizer = new Optimizer(script, scope, lanes, config, weights, layout.factors(initial));
        }
        adapters.occupy(slot, initial);
    }

    IValue value() {
        return value;
    }

    double step(double learningRate, double lossScale) {
        try (TensorScope call = scope.open()) {
            IValue gradients = script.call(call, "gradients", value);
            double norm = optimizer.step(gradients, learningRate, lossScale);
            AtomicBoolean finite = new AtomicBoolean(true);
            lanes.share(layout.banks(), (from, to) -> publish(from, to, finite));
            adapters.changed();
            return finite.get() ? norm : Double.NaN;
        }
    }

    private void publish(int from, int to, AtomicBoolean finite) {
        try (TensorScope call = scope.open()) {
            IValue published =
                    script.call(call, "publish", adapters.value(), value, call.number(from), call.number(to));
            if (!published.toBoolean()) {
                finite.set(false);
            }
        }
    }

    Adapter snapshot() {
        return layout.unflatten(read("weights"), like);
    }

    /** The sum of all lanes'. */
    Adapter gradients() {
        float[] all = read("gradients");
        float[] sum = new float[all.length / lanes.count()];
        for (int i = 0; i < all.length; i++) {
            sum[i % sum.length] += all[i];
        }
        return layout.unflatten(sum, like);
    }

    private float[] read(String method) {
        try (TensorScope call = scope.open()) {
            return call.floats(script.call(call, method, value));
        }
    }

    Optimizer optimizer() {
        return optimizer;
    }

    /** What belongs to this adapter alone. */
    MemoryPlan memory() {
        return MemoryPlan.trainee(parameters(), lanes.count(), optimizer.stateBytes());
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
