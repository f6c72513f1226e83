package io.tandem.loadtest.roofline;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.TrainingPack;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Backward of one sequence through all layers in windows of some rows; it goes forward again before each time. */
@State(Scope.Benchmark)
public class BackwardBenchmark {
    @Param({"128", "512"})
    int window;

    @Param({"KEEP", "RECOMPUTE", "INT8"})
    Stash stash;

    private DeviceModel device;
    private TrainingPack pack;
    private IterationInputs backward;

    @Setup(Level.Trial)
    public void load() {
        device = Device.load(stash);
        device.openTrainee(0, Device.adapter(device, 0), OptimizerConfig.DEFAULT);
        int[] tokens = Device.tokens(device, Device.PACK);
        int[] labels = Arrays.copyOfRange(tokens, 1, tokens.length + 1);
        labels[tokens.length - 1] = TrainingPack.IGNORED;
        pack = new TrainingPack(List.of(new TrainingPack.Sequence(tokens, labels)), TrainingPack.Purpose.LEARN);
        backward = new IterationInputs(List.of(), Optional.of(new TrainingWork(0, window)));
    }

    @Setup(Level.Invocation)
    public void forward() {
        device.beginPack(new int[] {0}, pack);
        device.run(new IterationInputs(List.of(), Optional.of(new TrainingWork(Device.PACK, 0))));
    }

    @Benchmark
    public void backward() {
        while (!device.packProgress().done()) {
            device.run(backward);
        }
    }

    @TearDown(Level.Invocation)
    public void clear() {
        device.optimizerStep(0, 0, 1);
    }

    @TearDown(Level.Trial)
    public void close() {
        device.close();
    }
}
