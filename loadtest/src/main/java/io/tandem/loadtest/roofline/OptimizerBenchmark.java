package io.tandem.loadtest.roofline;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** One update of an adapter of every linear. */
@State(Scope.Benchmark)
public class OptimizerBenchmark {
    @Param({"ADAMW", "ADAMW_8BIT", "LION", "SGD"})
    OptimizerConfig.Method method;

    private DeviceModel device;

    @Setup(Level.Trial)
    public void load() {
        device = Device.load(Stash.KEEP);
        device.openTrainee(0, Device.adapter(device, 0), OptimizerConfig.of(method));
    }

    @Benchmark
    public double step() {
        return device.optimizerStep(0, 1e-4, 1);
    }

    @TearDown(Level.Trial)
    public void close() {
        device.close();
    }
}
