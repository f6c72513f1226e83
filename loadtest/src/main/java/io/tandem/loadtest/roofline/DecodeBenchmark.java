package io.tandem.loadtest.roofline;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.Stash;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** One token for each of some sequences, with the base model or with an adapter of eight for each row. */
@State(Scope.Benchmark)
public class DecodeBenchmark {
    static final int ADAPTERS = 8;

    @Param({"1", "8", "32"})
    int batch;

    @Param({"false", "true"})
    boolean adapters;

    private DeviceModel device;
    private IterationInputs inputs;

    @Setup(Level.Trial)
    public void load() {
        device = Device.load(Stash.KEEP);
        for (int slot = 0; slot < ADAPTERS; slot++) {
            device.putAdapter(slot, Device.adapter(device, slot));
        }
        for (int slot = 0; slot < batch; slot++) {
            device.run(Device.prefill(device, slot, Device.CONTEXT - 1));
        }
        int[] token = Device.tokens(device, 1);
        inputs = Device.inputs(IntStream.range(0, batch)
                .mapToObj(slot -> Device.segment(
                        slot, Device.CONTEXT - 1, token, adapters ? new int[] {slot % ADAPTERS} : IterationInputs.BASE))
                .toList());
    }

    @Benchmark
    public IterationOutputs decode() {
        return device.run(inputs);
    }

    @TearDown(Level.Trial)
    public void close() {
        device.close();
    }
}
