package io.tandem.kernels;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.learning.Estimate;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.kernels.model.ModelConfig;
import java.util.SortedMap;

/**
 * One base model on one device, with adapter slots, KV slots and packs of training sequences in flight.
 * Not thread-safe: the engine thread owns it, and everything else talks to that thread by messages.
 *
 * <p>A <em>trainee</em> is an adapter that learns. It occupies an adapter slot, and serving requests never read that
 * slot; what they see is the last version that {@link #snapshot} returned and someone put in another slot.
 *
 * @see IterationInputs what one iteration carries
 */
public interface DeviceModel extends AutoCloseable {

    ModelConfig model();

    KernelsConfig limits();

    /** Rows that the matrix products compute in the time of one, because reading the weights takes that long. */
    int memoryBoundRows();

    /**
     * Checks an adapter and does the work on it that needs no device. Safe from any thread; takes time in proportion to
     * the weights.
     *
     * @throws IllegalArgumentException if a module of the adapter does not exist in the model, its shapes disagree, its
     *     rank exceeds {@link KernelsConfig#maxRank}, it has more modules in full than {@link KernelsConfig#fullModules}, or a
     *     weight, the scaling included, is not finite in {@link KernelsConfig#dtype}
     */
    PreparedAdapter prepare(Adapter adapter);

    /** Copies an adapter that this device prepared into a slot, replacing what was there. */
    void putAdapter(int slot, PreparedAdapter adapter);

    /** {@link #prepare Prepares} and puts an adapter, for tools that serve nobody meanwhile. */
    default void putAdapter(int slot, Adapter adapter) {
        putAdapter(slot, prepare(adapter));
    }

    /**
     * What the adapter in a slot has in full gives its room to other adapters, of which there is less than there are slots, and
     * what it has of single weights is freed. The slot's adapter is not to be used any more.
     */
    void dropAdapter(int slot);

    /**
     * Copies keys and values of positions {@code [first, end)} from one KV slot to another, as the iterations so far have
     * left them.
     *
     * @throws IllegalArgumentException if the slots are the same, or the positions none of theirs
     */
    void copyCache(int sourceSlot, int targetSlot, int first, int end);

    /** Starts training the given adapter in the slot; optimizer states are zero. */
    void openTrainee(int slot, PreparedAdapter initial, OptimizerConfig optimizer);

    /** {@link #prepare Prepares} and opens a trainee, for tools that serve nobody meanwhile. */
    default void openTrainee(int slot, Adapter initial, OptimizerConfig optimizer) {
        openTrainee(slot, prepare(initial), optimizer);
    }

    /**
     * Goes on training where {@link #snapshot} and {@link #optimizerState} were taken; every later update is the same,
     * bit for bit, as without the interruption.
     *
     * @throws IllegalArgumentException if the state does not belong to such an adapter and optimizer
     */
    void openTrainee(int slot, PreparedAdapter snapshot, OptimizerConfig optimizer, OptimizerState state);

    /**
     * Lays the sequences of a mini-batch, or a part of one, into the rows of the training arena. A pack stays until the next
     * one begins; its gradients are added up until {@link #beginStep}.
     *
     * @param adapterSlots adapters that the rows use. If the pack is to be learned, the last one is the trainee, and
     *     those before it are frozen
     * @throws IllegalArgumentException if the sequences have more than {@link KernelsConfig#packTokens} tokens together
     */
    void beginPack(int[] adapterSlots, TrainingPack pack);

    /**
     * Lays another pack, of another trainee or of none, beside those that lie there since {@link #beginPack}, before anything
     * of them has run. Packs have the numbers 0, 1 ... in that order. Their rows go forward in the same windows and back in
     * the same windows, and share the products with the frozen weights; otherwise they have nothing to do with each other.
     *
     * @param adapterSlots as there
     * @throws IllegalArgumentException if all packs have more than {@link KernelsConfig#packTokens} tokens together, or an
     *     adapter of one of them has modules in full, skips layers, or learns over weights of its own or from the teacher: such
     *     a pack lies alone; the others stay
     * @throws IllegalStateException if rows of the others have gone forward
     */
    void joinPack(int[] adapterSlots, TrainingPack pack);

    /**
     * Nothing becomes of a pack any more. If rows of it have yet to go forward they still do, without adapters, and are not
     * scored; none go back.
     *
     * @param number of the pack
     */
    void dropPack(int number);

    /**
     * Multiplies the gradient of each sequence's losses, between a pack's last forward window and its first backward
     * window. For losses that depend on whole sequences: their derivative by a sequence's summed loss is the factor.
     *
     * @param number of the pack
     * @param factors one for each of its sequences
     */
    void scaleSequences(int number, double[] factors);

    /** What is left of all packs together. */
    PackProgress packProgress();

    /**
     * What is left of one of them.
     *
     * @param number of the pack
     */
    PackProgress packProgress(int number);

    /**
     * Runs one iteration.
     *
     * @throws IllegalArgumentException if it has more fine-tuning work than is left of the pack, or anything else that was
     *     not reserved
     */
    IterationOutputs run(IterationInputs inputs);

    /**
     * Begins to update the trainee from the gradients added up since the last update, which are cleared. The work is done
     * by {@link #proceed}.
     *
     * @param learningRate of this update
     * @param lossScale factor on the gradients, one over the number of learned tokens in the mini-batch
     */
    void beginStep(int slot, double learningRate, double lossScale);

    /**
     * Goes on with what is to be done before the trainee's rows can run, after it was opened, a step was begun or its ranks
     * changed. With some methods that takes time in proportion to the model; so it is done in pieces, and iterations may run
     * between them. What comes of it does not depend on where it was cut. What needs all of it, like a pack of the trainee,
     * does the rest first, however long that takes.
     *
     * @param nanos about how long; a little is always done, the smallest piece being one of the model's linears
     * @return whether nothing is left
     */
    boolean proceed(int slot, long nanos);

    /**
     * Ends the step that was begun.
     *
     * @return the norm of the scaled gradient before clipping. NaN or infinite if the gradient is not finite, then nothing
     *     was updated, or if the update made weights that {@link KernelsConfig#dtype} cannot hold; the trainee is of no use
     *     any more then
     * @throws IllegalStateException if none was begun
     */
    double endStep(int slot);

    /** A whole step, for tools that serve nobody meanwhile. */
    default double optimizerStep(int slot, double learningRate, double lossScale) {
        beginStep(slot, learningRate, lossScale);
        return endStep(slot);
    }

    /**
     * From here on the rows of a trainee use its first ranks only, as if it had no more, and no others learn. Between two
     * mini-batches, or around a pack that is not learned.
     *
     * @param ranks of each module; modules that have no more use all
     */
    void useRanks(int slot, int ranks);

    /**
     * How much each module with {@linkplain io.tandem.kernels.adapter.Core ranks that grow} matters, as the last step told: with
     * a diagonal core how much the change and its gradient have in common, with a full one the norm of the core. Empty if no
     * ranks grow.
     */
    SortedMap<Site, Double> importance(int slot);

    /**
     * From here on modules of a trainee have more ranks. Between two mini-batches.
     *
     * @param ranks in use of each such module
     * @param complete whether none will grow any more, so that no ranks learn ahead
     */
    void grow(int slot, SortedMap<Site, Integer> ranks, boolean complete);

    /**
     * From here on the trainee learns as the plan says; all of it as it is before anything else is said. Between two
     * mini-batches, or around a pack that is not learned.
     *
     * @throws IllegalArgumentException if some layers shall not learn and the optimizer is not {@link OptimizerConfig#layered},
     *     or there is no layer that the plan names
     */
    void learn(int slot, LearningPlan plan);

    /**
     * What the mini-batch that is about to be learned says of a trainee whose plan {@linkplain LearningPlan#estimates
     * estimates}: each time once, before {@link #beginStep}.
     *
     * @param lossScale as there
     */
    SortedMap<Site, Estimate> estimates(int slot, double lossScale);

    /** The trainee's weights now, in float32, with the configuration of the adapter it was opened with. */
    Adapter snapshot(int slot);

    /** What the optimizer remembers, for {@link #openTrainee(int, PreparedAdapter, OptimizerConfig, OptimizerState)}. */
    OptimizerState optimizerState(int slot);

    /** Ends training in the slot, drops its pack and frees what belonged to it; packs of other trainees go on. */
    void closeTrainee(int slot);

    MemoryReport memory();

    @Override
    void close();
}
