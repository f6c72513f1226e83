package io.tandem.kernels.device;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.tensor.NativeEngine;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which types and forms of weights this machine can multiply. Names of processors and operating systems say little about
 * it, so each is tried on a small product whose result is known.
 *
 * @param cores that this process may use
 * @param trials every type in every form
 */
public record DeviceProfile(int cores, List<Trial> trials) {
    /** Rows of an AMX tile. Processors without one need about as many before the products take longer than the weights. */
    public static final int MEMORY_BOUND_ROWS = 16;

    /**
     * @param fault why it cannot be used; empty if it works
     */
    public record Trial(Dtype dtype, WeightForm form, Optional<String> fault) {
        public boolean works() {
            return fault.isEmpty();
        }

        /** For example {@code bfloat16 (packed)}. */
        public String name() {
            return dtype.label() + " (" + form.label() + ")";
        }
    }

    /**
     * What a device computes with.
     *
     * @param reason why, for an operator to read
     */
    public record Choice(Dtype dtype, WeightForm form, String reason) {
        @Override
        public String toString() {
            return dtype.label() + ", " + form.label() + " weights: " + reason;
        }
    }

    private static final List<WeightForm> FASTEST_FIRST = List.of(WeightForm.PACKED, WeightForm.PLAIN);

    /** Trials take some ten milliseconds, and a machine does not change while a process runs. */
    private static final class ThisMachine {
        static final DeviceProfile PROFILE = NativeEngine.onPassingThread(DeviceProfile::tryAll);
    }

    public DeviceProfile {
        trials = List.copyOf(trials);
    }

    /** The machine that this process runs on. */
    public static DeviceProfile ofThisMachine() {
        return ThisMachine.PROFILE;
    }

    private static DeviceProfile tryAll() {
        NativeEngine.useThreads(1);
        List<Trial> trials = new ArrayList<>();
        try (WeightTrial trial = new WeightTrial()) {
            for (Dtype dtype : List.of(Dtype.FLOAT32, Dtype.BFLOAT16, Dtype.INT8)) {
                for (WeightForm form : FASTEST_FIRST) {
                    // oneDNN's packed products in float32 are not faster than plain ones, so there is no such form.
                    if (dtype != Dtype.FLOAT32 || form == WeightForm.PLAIN) {
                        trials.add(new Trial(dtype, form, trial.fault(dtype, form)));
                    }
                }
            }
        }
        return new DeviceProfile(Runtime.getRuntime().availableProcessors(), trials);
    }

    /** The same limits with type and form as {@link #choose} finds them, and one thread per core if none are given. */
    public KernelsConfig resolve(KernelsConfig limits) {
        Choice choice = choose(limits.dtype(), limits.weightForm());
        return limits.withNumerics(choice.dtype(), choice.form())
                .withThreads(limits.threads() > 0 ? limits.threads() : cores);
    }

    /**
     * Finds a type and a form that work here: as asked for, or the best if either is left open.
     *
     * @throws UnsupportedOperationException if what was asked for does not work on this machine
     */
    public Choice choose(Dtype dtype, WeightForm form) {
        return dtype == Dtype.AUTO ? chooseType(form) : chooseForm(dtype, form);
    }

    /** Plain bfloat16 is left out: without the processor's support it is several times slower than float32. */
    private Choice chooseType(WeightForm form) {
        Trial packed = trial(Dtype.BFLOAT16, WeightForm.PACKED);
        if (form != WeightForm.PLAIN && packed.works()) {
            return new Choice(packed.dtype(), packed.form(), "the fastest that works on this machine");
        }
        if (form == WeightForm.PACKED) {
            throw unsupported("kernels.weight-form: packed", packed);
        }
        Trial plain = trial(Dtype.FLOAT32, WeightForm.PLAIN);
        if (!plain.works()) {
            throw unsupported("kernels.dtype: float32", plain);
        }
        String reason = form == WeightForm.PLAIN
                ? "plain weights are configured"
                : "bfloat16 needs packed weights to be fast, and those do not work on this machine ("
                        + packed.fault().orElse("")
                        + ")";
        return new Choice(plain.dtype(), plain.form(), reason);
    }

    private Choice chooseForm(Dtype dtype, WeightForm form) {
        List<Trial> candidates = trials.stream()
                .filter(trial -> trial.dtype() == dtype)
                .filter(trial -> form == WeightForm.AUTO || trial.form() == form)
                .toList();
        for (Trial trial : candidates) {
            if (trial.works()) {
                return new Choice(dtype, trial.form(), "as configured" + warning(candidates.get(0)));
            }
        }
        String setting = "kernels.dtype: " + dtype.label()
                + (form == WeightForm.AUTO ? "" : " with kernels.weight-form: " + form.label());
        if (candidates.isEmpty()) {
            throw new UnsupportedOperationException(setting + " does not exist; " + others());
        }
        throw unsupported(setting, candidates.get(0));
    }

    /** Something slower was chosen if the fastest form has a fault. */
    private static String warning(Trial fastest) {
        return fastest.fault()
                .map(fault -> "; slow beyond a few rows, because " + fastest.name() + " does not work on this machine ("
                        + fault + "), so consider kernels.dtype: auto")
                .orElse("");
    }

    private Trial trial(Dtype dtype, WeightForm form) {
        return trials.stream()
                .filter(trial -> trial.dtype() == dtype && trial.form() == form)
                .findFirst()
                .orElseThrow();
    }

    private UnsupportedOperationException unsupported(String setting, Trial trial) {
        return new UnsupportedOperationException(
                setting + " does not work on this machine (" + trial.fault().orElse("") + "); " + others());
    }

    private String others() {
        Set<String> working = trials.stream()
                .filter(Trial::works)
                .map(Trial::name)
                .collect(Collectors.toCollection(LinkedHashSet::new));
        return working.isEmpty() ? "no other type does" : "use auto or one of " + String.join(", ", working);
    }
}
