package io.tandem.server;

import io.tandem.kernels.WeightForm;
import io.tandem.kernels.device.DeviceProfile;
import io.tandem.kernels.device.DeviceProfile.Trial;
import io.tandem.kernels.device.WeightSpeed;
import io.tandem.kernels.model.Dtype;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tandem devices}: what this machine can compute with, and how fast. */
@Command(
        name = "devices",
        description = "Shows which forms of weights work on this machine, and how fast they are.",
        mixinStandardHelpOptions = true)
final class DevicesCommand implements Callable<Integer> {
    /** Bytes per parameter: for models that leave room for weights in two forms. */
    private static final double PLENTY = 16;

    @Spec
    private @Nullable CommandSpec spec;

    @Option(names = "--threads", paramLabel = "N", description = "Threads per operation; default one per core.")
    private int threads;

    @Override
    public Integer call() {
        PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
        DeviceProfile profile = DeviceProfile.ofThisMachine();
        int used = threads > 0 ? threads : profile.cores();
        out.printf(
                Locale.ROOT,
                "%d processors, %d threads; microseconds for a product with a weight of [%d, %d], by rows%n%n",
                profile.cores(),
                used,
                WeightSpeed.OUTPUTS,
                WeightSpeed.INPUTS);
        out.printf(Locale.ROOT, "%-20s%16s", "FORM", "BYTES/PARAMETER");
        WeightSpeed.rows().forEach(rows -> out.printf(Locale.ROOT, "%10d", rows));
        out.println();
        for (Trial trial : profile.trials()) {
            double bytes = trial.form().bytesPerParameter(trial.dtype());
            out.printf(Locale.ROOT, "%-20s%16.2f", trial.name(), bytes);
            if (trial.works()) {
                WeightSpeed speed = WeightSpeed.measure(trial, used);
                speed.best().forEach(time -> out.printf(Locale.ROOT, "%10.0f", time));
            }
            trial.fault().ifPresent(fault -> out.print("  does not work here: " + fault));
            out.println();
        }
        out.println();
        for (Dtype dtype : List.of(Dtype.BFLOAT16, Dtype.FLOAT32)) {
            String heads = profile.joinsHeads().test(dtype) ? "several key heads as one" : "key heads one by one";
            out.printf("Attention of decode rows in %s reads %s%n", dtype.label(), heads);
        }
        out.printf("%nBy default the server computes in %s%n", profile.choose(Dtype.AUTO, WeightForm.AUTO, PLENTY));
        out.flush();
        return 0;
    }
}
