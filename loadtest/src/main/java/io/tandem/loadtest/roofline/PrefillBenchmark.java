package io.tandem.loadtest.roofline;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.Stash;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** A whole prompt. */
@State(Scope.Benchmark)
public class PrefillBenchmark {
    @Param({"128", "512"})
    int tokens;

    private DeviceModel device;
    private IterationInputs inputs;

    @Setup(Level.Trial)
    public void load() {
        device = Device.load(Stash.KEEP);
        inputs = Device.prefill(device, 0, tokens);
    }

    @Benchmark
    public IterationOutputs prefill() {
        return device.run(inputs);
    }

    @TearDown(Level.Trial)
    public void close() {
        device.close();
    }
}
