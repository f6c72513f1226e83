package io.tandem.scheduler.testing;

import static io.tandem.scheduler.testing.FakeDevice.require;

import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.adapter.learning.Estimate;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.adapter.learning.SensitiveWeights;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;

/**
 * An adapter that learns on a {@link FakeDevice}. Its weights after a step are a hash of everything that happened, so a
 * job that lost, repeated or mixed up anything ends with other weights. Only the order within a mini-batch is no matter.
 */
final class FakeTrainee {
    private Adapter weights;
    private long gradient;
    private long moment;
    private int steps;
    private final boolean layered;
    private final Work work;
    private int left;
    private boolean stepping;
    private LearningPlan plan = LearningPlan.EVERYTHING;

    /** Of opening a trainee or a step: how many pieces it is, and how long each takes. */
    record Work(int pieces, long nanos) {
        static final Work NONE = new Work(0, 0);
    }

    FakeTrainee(Adapter initial, boolean layered, Work work) {
        this.weights = initial;
        this.layered = layered;
        this.work = work;
        this.left = work.pieces();
    }

    /** Whether nothing is left of that. */
    boolean ready() {
        return left == 0;
    }

    /** Goes on for so long, with one piece at least; returns how long it took. */
    long proceed(long duration) {
        long taken = 0;
        while (left > 0 && (taken == 0 || taken < duration)) {
            left--;
            taken += work.nanos();
        }
        return taken;
    }

    private void requireIdle() {
        require(ready() && !stepping, "a trainee is used within its step");
    }

    void endStep() {
        require(ready() && stepping, "a step ends before it is made");
        stepping = false;
    }

    void learn(LearningPlan next) {
        requireIdle();
        require(layered || next.layers().isEmpty(), "layers rest in an optimizer that does not tell them apart");
        plan = next;
    }

    /** A hash of what the rows see of the plan. */
    long suppression() {
        return 31L * plan.suppressed().hashCode() + Double.hashCode(plan.sparsity());
    }

    int lowestLayer() {
        return plan.layers().map(SortedSet::first).orElse(0);
    }

    /** A hash of what an adapter does, the same in every run. */
    static long hash(Adapter adapter) {
        long hash = adapter.invocation()
                .map(invocation -> invocation.tokens().hashCode())
                .orElse(17);
        for (Map.Entry<Site, Change> entry : adapter.modules().entrySet()) {
            hash = hash * 31 + entry.getKey().layer();
            hash = hash * 31 + entry.getKey().module().name().hashCode();
            for (Parameter parameter : entry.getValue().parameters()) {
                hash = hash * 31 + Arrays.hashCode(parameter.values());
            }
            if (entry.getValue() instanceof SingleWeights own) {
                hash = hash * 31 + Arrays.hashCode(own.places());
            }
        }
        for (Map.Entry<FullModule, Parameter> entry : adapter.full().entrySet()) {
            hash = hash * 31 + entry.getKey().name().hashCode();
            hash = hash * 31 + Arrays.hashCode(entry.getValue().values());
        }
        hash += adapter.prefix()
                .map(prefix -> Arrays.hashCode(prefix.parameter().values()))
                .orElse(0);
        // Numbers that differ in a few bits differ in all.
        hash *= 0x9E3779B97F4A7C15L;
        return hash ^ (hash >>> 32);
    }

    Adapter weights() {
        require(!stepping, "weights within a step");
        return weights;
    }

    void addGradient(long packGradient) {
        gradient += packGradient;
    }

    /** Numbers that depend on the gradient of the mini-batch. */
    SortedMap<Site, Estimate> estimates() {
        require(plan.estimates(), "estimates that were not planned");
        require(gradient != 0, "estimates without a gradient");
        SortedMap<Site, Estimate> estimates = new TreeMap<>();
        weights.modules().forEach((site, change) -> {
            Random random = new Random(gradient + site.toString().hashCode());
            estimates.put(
                    site,
                    new Estimate(
                            random.doubles(change.rank()).boxed().toList(),
                            random.nextDouble(),
                            random.nextDouble(),
                            plan.sensed().contains(site.layer())
                                    ? Optional.of(sensitive(change, random))
                                    : Optional.empty()));
        });
        return estimates;
    }

    private static SensitiveWeights sensitive(Change change, Random random) {
        int most = SensitiveWeights.most(change);
        int[] places = random.ints(0, change.inputs() * change.outputs())
                .distinct()
                .limit(most)
                .toArray();
        float[] shares = new float[most];
        for (int i = 0; i < most; i++) {
            shares[i] = (i == 0 ? 1 : shares[i - 1]) * random.nextFloat();
        }
        return new SensitiveWeights(places, shares);
    }

    /** Returns what it will have learned. */
    Adapter beginStep(double learningRate, double lossScale) {
        requireIdle();
        require(gradient != 0, "a step without a gradient");
        require(plan.suppressed().isEmpty(), "a step with suppressed layers");
        steps++;
        moment = moment * 31 + gradient + Double.hashCode(learningRate) + 7L * Double.hashCode(lossScale) + steps;
        moment += plan.layers().hashCode();
        gradient = 0;
        SortedMap<Site, Change> modules = new TreeMap<>();
        weights.modules().forEach((site, change) -> {
            if (change instanceof SingleWeights single) {
                float[] values = single.values().clone();
                values[0] += (moment & 0xFFFF) / 65536f;
                modules.put(site, single.with(List.of(values)));
                return;
            }
            LowRank old = change.lowRank().orElseThrow();
            float[] b = old.b().clone();
            b[0] = (moment & 0xFFFF) / 65536f;
            b[1] = (moment >>> 16 & 0xFFFF) / 65536f + b[0] * old.b()[1];
            modules.put(site, new LowRank(old.rank(), old.inputs(), old.outputs(), old.a(), b, old.scaling()));
        });
        weights = new Adapter(weights.config(), modules, weights.prefix().map(this::step)).withFull(weights.full());
        stepping = true;
        left = work.pieces();
        return weights;
    }

    private Prefix step(Prefix old) {
        float[] values = old.parameter().values();
        values[0] += (moment & 0xFFFF) / 65536f;
        return old.with(values);
    }

    OptimizerState state() {
        require(!stepping, "the state of the optimizer within a step");
        return new OptimizerState(
                steps,
                new TreeMap<>(Map.of(
                        "moment",
                        ByteBuffer.allocate(Long.BYTES).putLong(moment).array())));
    }

    void restore(OptimizerState state) {
        steps = state.steps();
        moment = ByteBuffer.wrap(Objects.requireNonNull(state.tensors().get("moment")))
                .getLong();
    }
}
