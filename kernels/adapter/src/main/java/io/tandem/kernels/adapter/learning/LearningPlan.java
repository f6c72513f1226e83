package io.tandem.kernels.adapter.learning;

import java.util.Collections;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What a trainee is to do until it is told otherwise.
 *
 * @param layers whose parameters learn, at least one; empty if all do
 * @param suppressed layers that change {@link #SUPPRESSED} of what they otherwise do
 * @param sparsity the share of the ranks of all modules together, those that change least, that is masked as {@link RankPruning} does
 * @param estimates whether it is told of every step how much modules and ranks matter
 * @param updates whether steps change anything
 * @param sensed layers of whose weights it is told which have the largest gradients; they take memory for these
 * @param skipped layers that the rows do not go through
 * @param taught whether it learns what the teacher expects in place of the labels
 * @param exitWeight of a recursive model: how much it learns of that before the last loop, where tokens may leave, too; not
 *     without a teacher
 * @param zeros of a trainee that makes weights sparse, the share of each weight that is left out once the step is made
 */
public record LearningPlan(
        Optional<SortedSet<Integer>> layers,
        SortedSet<Integer> suppressed,
        double sparsity,
        boolean estimates,
        boolean updates,
        SortedSet<Integer> sensed,
        SortedSet<Integer> skipped,
        boolean taught,
        double exitWeight,
        double zeros) {
    /** What is left of a suppressed layer's change. */
    public static final double SUPPRESSED = 0.25;

    /** How gradually a rank's mask rises about the threshold, in units of the threshold's square. */
    public static final double TEMPERATURE = 0.1;

    public static final LearningPlan EVERYTHING = pruning(0);

    /** All learns, and it is told how much it matters. */
    public static final LearningPlan ESTIMATING = new LearningPlan(
            Optional.empty(), Collections.emptySortedSet(), 0, true, true, Collections.emptySortedSet());

    /** Nothing changes, and it is told how much it would matter. */
    public static final LearningPlan SENSING = sensing(Collections.emptySortedSet());

    public LearningPlan {
        layers = layers.map(LearningPlan::copy);
        suppressed = copy(suppressed);
        sensed = copy(sensed);
        skipped = copy(skipped);
        if (!(sparsity >= 0 && sparsity < 1)) {
            throw new IllegalArgumentException("a sparsity of " + sparsity);
        }
        if (!(zeros >= 0 && zeros < 1)) {
            throw new IllegalArgumentException(zeros + " of a weight that are zero");
        }
        if (layers.filter(Set::isEmpty).isPresent()) {
            throw new IllegalArgumentException("no layer learns");
        }
    }

    private LearningPlan(
            Optional<SortedSet<Integer>> layers,
            SortedSet<Integer> suppressed,
            double sparsity,
            boolean estimates,
            boolean updates,
            SortedSet<Integer> sensed) {
        this(layers, suppressed, sparsity, estimates, updates, sensed, Collections.emptySortedSet(), false, 0, 0);
    }

    private LearningPlan(SortedSet<Integer> skipped, boolean taught, double exitWeight, double zeros) {
        this(
                Optional.empty(),
                Collections.emptySortedSet(),
                0,
                false,
                true,
                Collections.emptySortedSet(),
                skipped,
                taught,
                exitWeight,
                zeros);
    }

    private static SortedSet<Integer> copy(SortedSet<Integer> layers) {
        return Collections.unmodifiableSortedSet(new TreeSet<>(layers));
    }

    /** Only these layers learn. */
    public static LearningPlan only(SortedSet<Integer> layers) {
        return new LearningPlan(
                Optional.of(layers), Collections.emptySortedSet(), 0, false, true, Collections.emptySortedSet());
    }

    /** These layers do less; nothing is meant to learn. */
    public static LearningPlan suppressing(SortedSet<Integer> layers) {
        return new LearningPlan(Optional.empty(), layers, 0, false, true, Collections.emptySortedSet());
    }

    /** All learns but these layers, which are not there. */
    public static LearningPlan skipping(SortedSet<Integer> layers) {
        return new LearningPlan(layers, false, 0, 0);
    }

    /** All learns from the teacher, and with this weight what tokens leave a recursive model early with. */
    public static LearningPlan taught(double exitWeight) {
        return new LearningPlan(Collections.emptySortedSet(), true, exitWeight, 0);
    }

    /** All learns, and this share of each weight is left out once the step is made. */
    public static LearningPlan leavingOut(double zeros) {
        return new LearningPlan(Collections.emptySortedSet(), false, 0, zeros);
    }

    /** All learns, and this share of the ranks is on its way to be pruned. */
    public static LearningPlan pruning(double sparsity) {
        return new LearningPlan(
                Optional.empty(), Collections.emptySortedSet(), sparsity, false, true, Collections.emptySortedSet());
    }

    /** Nothing changes, and it is told how much it would matter, of these layers weight by weight. */
    public static LearningPlan sensing(SortedSet<Integer> layers) {
        return new LearningPlan(Optional.empty(), Collections.emptySortedSet(), 0, true, false, layers);
    }

    /** How many of so many ranks that share is; some are left. */
    public int pruned(int ranks) {
        return (int) (sparsity * ranks);
    }

    /** Whether the layer's parameters learn. */
    public boolean learns(int layer) {
        return layers.map(some -> some.contains(layer)).orElse(true);
    }
}
