package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterConfig;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.KeptNumbers;
import io.tandem.kernels.model.ModelConfig;
import java.util.Optional;
import java.util.Set;
import java.util.stream.LongStream;

/**
 * A way to train few parameters beside a frozen model, with its settings: which parameters those are, and where they start.
 *
 * <p>The rest follows from the {@linkplain io.tandem.kernels.adapter.Change form} in which the adapter changes a module: the
 * device has the form's forward and backward pass and folds its parameters into what it serves, the PEFT layout has its
 * files, and a checkpoint is the adapter with its parameters as they are. A method that shares its form with others is one
 * class; {@code docs/adding-a-method.md} adds one.
 */
public interface PeftMethod {
    /** What a job calls it by. */
    String name();

    /** What its adapters' configuration file says. */
    AdapterConfig config();

    /** How many tokens its adapters put before those of a text. */
    default int virtualTokens() {
        return 0;
    }

    /** How many of those run before each text in training. */
    default int virtualRows() {
        return virtualTokens();
    }

    /** Of its bottlenecks; 0 if it has none. */
    default int bottleneckWidth() {
        return 0;
    }

    /** What its adapters have in full. */
    default Set<FullModule> fullModules() {
        return Set.of();
    }

    /**
     * The adapter before its first step. Takes time in proportion to its parameters.
     *
     * @param seed the same one gives the same numbers
     */
    Adapter start(ModelConfig model, long seed);

    /**
     * The same for methods that start from the frozen weights. May take long.
     *
     * @throws io.tandem.kernels.weights.ModelFormatException if a weight cannot be read
     */
    default Adapter start(ModelConfig model, BaseWeights weights, long seed) {
        return start(model, seed);
    }

    /**
     * What goes on to learn where an adapter was kept.
     *
     * @param kept as it was {@linkplain Adapter#served served}
     * @param more what its changes {@linkplain io.tandem.kernels.adapter.Change#kept kept} beside that
     * @throws IllegalArgumentException if that is not of such an adapter
     */
    default Adapter resume(Adapter kept, KeptNumbers more) {
        return kept;
    }

    /** Numbers of the adapter that the device has while it learns, and that neither learn nor are served as they are. */
    default long fixed(ModelConfig model) {
        return 0;
    }

    /**
     * The largest rank that a job can have.
     *
     * @param served of adapters that the device holds
     */
    default int maxRank(ModelConfig model, int served) {
        return served;
    }

    /**
     * Which ranks learn in a step, so many of the first ones; its rows use no others. Follows from the arguments alone, since
     * a job that stopped goes on with the step that it stopped in. 0 if there are no ranks.
     *
     * @param seed of the job
     * @param step from 0
     */
    default int ranks(long seed, int step) {
        return config().rank();
    }

    /**
     * How the ranks of its modules grow; empty if they are what they are from the start.
     *
     * @param steps of the job
     */
    default Optional<RankGrowth> growth(ModelConfig model, int steps) {
        return Optional.empty();
    }

    /** How many numbers each parameter of such an adapter has that learns, in any order. */
    LongStream parameters(ModelConfig model);
}
