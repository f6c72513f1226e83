package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.BackwardWindow;
import io.tandem.kernels.IterationInputs.TrainingWork;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Cuts an iteration into lanes that run at once. Sequences of a pack have nothing to do with each other until the
 * optimizer's step, so each goes with one lane, forward and backward; all inference rows go with the first.
 */
final class LaneSplit {
    /** A backward row makes about twice the products of a forward row, in one layer. */
    private static final int BACKWARD_COST = 2;

    /** Fewer rows than that in a lane, and the weights that it reads for them cost more than the rows. */
    private static final int FEWEST_ROWS = 32;

    /** A lane with more than its share makes the others wait for so long that one after the other is as good. */
    private static final double WORST_BALANCE = 1.5;

    private LaneSplit() {}

    /**
     * The parts of an iteration, at most so many.
     *
     * @return the whole iteration if it cannot be cut into so many parts of about the same cost
     */
    static List<IterationInputs> of(IterationInputs inputs, PackRows pack, int layers, int lanes) {
        if (lanes == 1 || inputs.training().isEmpty()) {
            return List.of(inputs);
        }
        TrainingWork work = inputs.training().get();
        long served = (long) layers
                * inputs.segments().stream()
                        .mapToInt(segment -> segment.tokens().length)
                        .sum();
        long[] costs = costs(work, pack, layers);
        long total = served + Arrays.stream(costs).sum();
        List<Integer> cuts = cuts(costs, pack, served, (double) total / lanes, lanes);
        List<IterationInputs> parts = new ArrayList<>();
        long heaviest = 0;
        for (int lane = 0; lane < lanes; lane++) {
            int from = cuts.get(lane);
            int to = cuts.get(lane + 1);
            heaviest = Math.max(heaviest, (lane == 0 ? served : 0) + sum(costs, from, to));
            parts.add(
                    new IterationInputs(lane == 0 ? inputs.segments() : List.of(), Optional.of(work.within(from, to))));
        }
        boolean balanced = heaviest <= WORST_BALANCE * total / lanes;
        boolean enough = total >= (long) lanes * layers * FEWEST_ROWS;
        return balanced && enough ? parts : List.of(inputs);
    }

    /** Of each row of the pack, in forward rows of one layer. */
    private static long[] costs(TrainingWork work, PackRows pack, int layers) {
        long[] costs = new long[pack.rows()];
        Arrays.fill(costs, work.forwardFrom(), work.forwardTo(), layers);
        for (BackwardWindow window : work.backward()) {
            for (int row = window.from(); row < window.to(); row++) {
                costs[row] += BACKWARD_COST;
            }
        }
        return costs;
    }

    /** Where each lane's rows begin, and the end of the last one's; sequences stay whole. */
    private static List<Integer> cuts(long[] costs, PackRows pack, long served, double share, int lanes) {
        List<Integer> cuts = new ArrayList<>(List.of(0));
        long before = served;
        for (long[] sequence : pack.windows(0, pack.rows())) {
            int start = (int) sequence[1];
            long own = sum(costs, start, (int) sequence[2]);
            while (cuts.size() < lanes && before + own / 2.0 > cuts.size() * share) {
                cuts.add(start);
            }
            before += own;
        }
        while (cuts.size() <= lanes) {
            cuts.add(pack.rows());
        }
        return cuts;
    }

    private static long sum(long[] costs, int from, int to) {
        return Arrays.stream(costs, from, to).sum();
    }
}
