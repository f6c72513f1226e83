package io.tandem.kernels.device;

import com.sun.management.OperatingSystemMXBean;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What this machine can compute with, and how fast. Names of processors and operating systems say little about it, so each
 * form of weights is tried on a small product whose result is known, and timed, and attention is timed, too. What is not
 * measured is in {@link Assumed}.
 *
 * @param cores that this process may use
 * @param memoryBytes of the machine or container
 * @param trials every form for every type of activations, the preferred first
 * @param speeds of the forms that work
 * @param joinsHeads whether attention is faster with several key heads read as one
 */
public record DeviceProfile(
        int cores,
        long memoryBytes,
        List<Trial> trials,
        Function<Trial, WeightSpeed> speeds,
        Predicate<Dtype> joinsHeads) {
    private static final Logger LOG = LoggerFactory.getLogger(DeviceProfile.class);
    /** Weights in two forms may take this much of the memory; else there is one. */
    private static final double WEIGHT_SHARE = 0.5;
    /** How much faster than bfloat16 products in float32 must be, for twice the memory of everything else. */
    private static final double FLOAT32_GAIN = 1.25;
    /** How much faster a second form must make its products. */
    private static final double SECOND_GAIN = 1.15;
    /** A product of as many rows costs this many times one of a single row, where memory is what it waits for. */
    private static final double MEMORY_BOUND = 1.5;

    /**
     * @param fault why it cannot be used; empty if it works
     */
    public record Trial(Dtype dtype, WeightForm form, Optional<String> fault) {
        public boolean works() {
            return fault.isEmpty();
        }

        /** For example {@code int8 (bfloat16)}. */
        public String name() {
            return form.label() + " (" + dtype.label() + ")";
        }
    }

    /**
     * What a device computes with.
     *
     * @param reason why, for an operator to read
     */
    public record Choice(Dtype dtype, WeightForms weights, String reason) {
        @Override
        public String toString() {
            return dtype.label() + ", " + weights + ": " + reason;
        }
    }

    /** Trials take some ten milliseconds, and a machine does not change while a process runs. */
    private static final class ThisMachine {
        static final DeviceProfile PROFILE = tryAll();
    }

    public DeviceProfile {
        trials = List.copyOf(trials);
    }

    /** The machine that this process runs on. */
    public static DeviceProfile ofThisMachine() {
        return ThisMachine.PROFILE;
    }

    private static DeviceProfile tryAll() {
        List<Trial> trials = WeightTrial.use(1, trial -> {
            List<Trial> all = new ArrayList<>();
            for (Dtype dtype : List.of(Dtype.BFLOAT16, Dtype.FLOAT32)) {
                for (WeightForm form : WeightForm.values()) {
                    if (form.exists(dtype)) {
                        all.add(new Trial(dtype, form, trial.fault(dtype, form)));
                    }
                }
            }
            return all;
        });
        int cores = Runtime.getRuntime().availableProcessors();
        Map<Trial, WeightSpeed> speeds = new ConcurrentHashMap<>();
        Map<Dtype, Boolean> joins = new ConcurrentHashMap<>();
        return new DeviceProfile(
                cores,
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize(),
                trials,
                trial -> speeds.computeIfAbsent(trial, form -> WeightSpeed.measure(form, cores)),
                dtype -> joins.computeIfAbsent(dtype, type -> AttentionTrial.joiningPays(type, cores)));
    }

    /** The same limits with type and forms as {@link #choose} finds them, and one thread per core if none are given. */
    public KernelsConfig resolve(KernelsConfig limits, ModelConfig model) {
        Choice choice = choose(limits, model);
        LOG.info("computing in {}", choice);
        return limits.withNumerics(choice.dtype(), choice.weights())
                .withThreads(limits.threads() > 0 ? limits.threads() : cores);
    }

    /**
     * Finds a type and forms that work here: as asked for, or the fastest where that is left open.
     *
     * @param model decides whether there is memory for weights in two forms
     * @throws UnsupportedOperationException if what was asked for does not work on this machine
     */
    public Choice choose(KernelsConfig limits, ModelConfig model) {
        if (limits.dtype() != Dtype.AUTO && limits.weights().isChosen()) {
            requireWorking(limits.dtype(), limits.weights().few());
            requireWorking(limits.dtype(), limits.weights().many());
            return new Choice(limits.dtype(), limits.weights(), "as configured");
        }
        return choose(
                limits.dtype(),
                limits.weights().few(),
                WEIGHT_SHARE * memoryBytes / MemoryPlan.linearParameters(model));
    }

    /**
     * The same for a request and a budget.
     *
     * @param bytesPerParameter that weights in two forms may take together
     */
    public Choice choose(Dtype dtype, WeightForm form, double bytesPerParameter) {
        List<Trial> working = requireWorking(dtype, form);
        Dtype type = dtype == Dtype.AUTO ? fastestType(working) : dtype;
        List<Trial> candidates =
                working.stream().filter(trial -> trial.dtype() == type).toList();
        if (form == WeightForm.AUTO) {
            return new Choice(type, fastest(candidates, bytesPerParameter), reason(dtype, type));
        }
        WeightForms weights = WeightForms.of(form);
        if (form.isQuantized()) {
            WeightSpeed speed = speeds.apply(candidates.get(0));
            weights = new WeightForms(form, WeightSpeed.rowsUpToWhich(speed.few(), speed.many()), form);
        }
        return new Choice(type, weights, "as configured");
    }

    /** The trials of what is asked for that work, one at least; open means any type, or any precise form. */
    private List<Trial> requireWorking(Dtype dtype, WeightForm form) {
        List<Trial> asked = trials.stream()
                .filter(trial -> dtype == Dtype.AUTO || trial.dtype() == dtype)
                .filter(trial ->
                        form == WeightForm.AUTO ? WeightForm.PRECISE.contains(trial.form()) : trial.form() == form)
                .toList();
        if (asked.isEmpty()) {
            throw new UnsupportedOperationException(setting(dtype, form) + " does not exist; " + others());
        }
        List<Trial> working = asked.stream().filter(Trial::works).toList();
        if (working.isEmpty()) {
            throw unsupported(setting(dtype, form), asked.get(0));
        }
        return working;
    }

    /**
     * bfloat16 where oneDNN multiplies it in blocks and that is fast: the KV cache and activations take half the memory.
     * Without the processor's support, plain products in it are several times slower than those in float32.
     */
    private Dtype fastestType(List<Trial> working) {
        Optional<Trial> packed = trial(Dtype.BFLOAT16, WeightForm.PACKED).filter(Trial::works);
        List<Trial> wide =
                working.stream().filter(trial -> trial.dtype() == Dtype.FLOAT32).toList();
        List<Trial> narrow = working.stream()
                .filter(trial -> trial.dtype() == Dtype.BFLOAT16)
                .toList();
        if (wide.isEmpty()) {
            return Dtype.BFLOAT16;
        }
        if (packed.isEmpty() || narrow.isEmpty()) {
            return Dtype.FLOAT32;
        }
        return overall(narrow) > FLOAT32_GAIN * overall(wide) ? Dtype.FLOAT32 : Dtype.BFLOAT16;
    }

    private double overall(List<Trial> candidates) {
        return WeightSpeed.overall(candidates.stream()
                .map(trial -> speeds.apply(trial).best())
                .reduce(WeightSpeed::fastest)
                .orElseThrow());
    }

    /** Of the precise forms for one type, at least one of which works. */
    private WeightForms fastest(List<Trial> candidates, double bytesPerParameter) {
        Optional<Trial> half = candidates.stream()
                .filter(trial -> trial.form() == WeightForm.FLOAT16)
                .findFirst();
        Optional<Trial> plain = candidates.stream()
                .filter(trial -> trial.form() == WeightForm.PLAIN)
                .findFirst();
        if (half.isEmpty() || plain.isEmpty()) {
            // The preferred: packed, where it works.
            return WeightForms.of(WeightForm.PRECISE.stream()
                    .filter(form -> candidates.stream().anyMatch(trial -> trial.form() == form))
                    .findFirst()
                    .orElseThrow());
        }
        List<Double> few = speeds.apply(half.get()).best();
        List<Double> many = speeds.apply(plain.get()).best();
        int last = few.size() - 1;
        boolean fewGain = many.get(0) > SECOND_GAIN * few.get(0);
        boolean manyGain = few.get(last) > SECOND_GAIN * many.get(last);
        int rows = WeightSpeed.rowsUpToWhich(few, many);
        WeightForms both = new WeightForms(WeightForm.FLOAT16, rows, WeightForm.PLAIN);
        if (fewGain && manyGain && rows > 0) {
            boolean fits = both.bytesPerParameter(Dtype.FLOAT32) <= bytesPerParameter;
            return fits ? both : WeightForms.of(WeightForm.FLOAT16);
        }
        return WeightForms.of(
                WeightSpeed.overall(few) <= WeightSpeed.overall(many) ? WeightForm.FLOAT16 : WeightForm.PLAIN);
    }

    private String reason(Dtype asked, Dtype type) {
        if (asked != Dtype.AUTO) {
            return "the fastest for the configured type";
        }
        Optional<String> fault = trial(Dtype.BFLOAT16, WeightForm.PACKED).flatMap(Trial::fault);
        return type == Dtype.BFLOAT16 || fault.isEmpty()
                ? "the fastest on this machine"
                : "the fastest on this machine, where packed products in bfloat16 do not work (" + fault.get() + ")";
    }

    /**
     * Rows up to which a product waits for the weights, and so costs about as much as one of a single row.
     *
     * @param weights chosen, for activations of the type
     */
    public int memoryBoundRows(Dtype dtype, WeightForms weights) {
        List<Double> times = WeightSpeed.fastest(
                speeds.apply(trial(dtype, weights.few()).orElseThrow()).best(),
                speeds.apply(trial(dtype, weights.many()).orElseThrow()).best());
        List<Double> bound =
                times.stream().map(time -> MEMORY_BOUND * times.get(0)).toList();
        return Math.max(1, WeightSpeed.rowsUpToWhich(times, bound));
    }

    /** Key heads that attention of decode rows reads as one; 1 means each by itself. */
    public int joinedHeads(Dtype dtype, ModelConfig model) {
        int most = Math.min(model.kvHeads(), Assumed.JOINED_NUMBERS / model.headDim());
        if (most < 2 || !joinsHeads.test(dtype)) {
            return 1;
        }
        return IntStream.iterate(most, heads -> heads - 1)
                .filter(heads -> model.kvHeads() % heads == 0)
                .findFirst()
                .orElse(1);
    }

    private Optional<Trial> trial(Dtype dtype, WeightForm form) {
        return trials.stream()
                .filter(trial -> trial.dtype() == dtype && trial.form() == form)
                .findFirst();
    }

    private static String setting(Dtype dtype, WeightForm form) {
        String type = "kernels.dtype: " + dtype.label();
        String weights = "kernels.weight-form: " + form.label();
        if (form == WeightForm.AUTO) {
            return type;
        }
        return dtype == Dtype.AUTO ? weights : type + " with " + weights;
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
        return working.isEmpty() ? "no other form does" : "use auto or one of " + String.join(", ", working);
    }
}
