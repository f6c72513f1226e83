package io.tandem.kernels.decoder;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.IterationOutputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.PackProgress;
import io.tandem.kernels.SequenceScores;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * How far the lanes of the packs in the arena are, and how much of an iteration each of them does. Sequences of
 * different lanes have nothing to do with each other until the optimizer's step, so lanes need not be at the same row
 * or even layer: an iteration says how many rows are next, and lanes share them, as they share the inference rows, so
 * that all are done at the same time. What each does depends on the iterations so far alone.
 */
final class PackLanes {
    /** A backward row makes about twice the products of a forward row, in one layer. */
    private static final double BACKWARD_COST = 2;

    private final PackRows pack;
    private final int layers;
    private final int lanes;
    private final Position position;

    /**
     * Of each lane.
     *
     * @param forward rows that went forward
     * @param layer in which rows go backward next
     * @param end of these, the first one that did already, or the end of all
     */
    private record Position(int[] forward, int[] layer, int[] end) {
        Position copy() {
            return new Position(forward.clone(), layer.clone(), end.clone());
        }
    }

    /**
     * An iteration in parts.
     *
     * @param parts those with something to do
     * @param even whether they are worth running at once
     * @param next what is left when they are done
     */
    record Split(List<Part> parts, boolean even, PackLanes next) {

        /** All of an iteration without fine-tuning in one part. */
        static Split whole(List<Segment> segments, PackLanes next) {
            return new Split(
                    List.of(new Part(0, segments, SegmentShares.all(segments), PackWindows.NONE)), false, next);
        }

        /**
         * What the whole iteration produced.
         *
         * @param outputs of the parts
         */
        IterationOutputs join(List<IterationOutputs> outputs) {
            SortedMap<Integer, List<Draw>> draws = new TreeMap<>();
            SortedMap<Integer, List<Draw>> scored = new TreeMap<>();
            SortedMap<Integer, float[]> states = new TreeMap<>();
            SortedMap<Integer, float[]> observed = new TreeMap<>();
            SequenceScores scores = SequenceScores.zeros(next.pack.sequences());
            int learned = 0;
            for (int i = 0; i < parts.size(); i++) {
                Part part = parts.get(i);
                Iterator<Draw> drawn = outputs.get(i).draws().iterator();
                Iterator<List<Draw>> known = outputs.get(i).scored().iterator();
                Iterator<float[]> pooled = outputs.get(i).states().iterator();
                Iterator<float[]> inputs = outputs.get(i).observed().iterator();
                for (int at = 0; at < part.places.size(); at++) {
                    List<Draw> own = new ArrayList<>();
                    part.segments.get(at).samplings().forEach(sampling -> own.add(drawn.next()));
                    draws.put(part.places.get(at), own);
                    if (part.segments.get(at).scoring().isPresent()) {
                        scored.put(part.places.get(at), known.next());
                    }
                    if (part.segments.get(at).pooled()) {
                        states.put(part.places.get(at), pooled.next());
                    }
                    if (part.segments.get(at).observed() > 0) {
                        observed.put(part.places.get(at), inputs.next());
                    }
                }
                scores.add(outputs.get(i).scores());
                learned += outputs.get(i).learnedTokens();
            }
            return new IterationOutputs(
                    draws.values().stream().flatMap(List::stream).toList(),
                    List.copyOf(scored.values()),
                    List.copyOf(states.values()),
                    List.copyOf(observed.values()),
                    scores,
                    learned);
        }
    }

    /** @param places that its segments have in the whole iteration */
    record Part(int lane, List<Segment> segments, List<Integer> places, PackWindows windows) {}

    /** @param layers of the model */
    PackLanes(PackRows pack, int layers) {
        this(
                pack,
                layers,
                new Position(
                        new int[pack.lanes()],
                        IntStream.range(0, pack.lanes()).map(lane -> layers - 1).toArray(),
                        IntStream.range(0, pack.lanes()).map(pack::laneTo).toArray()));
    }

    private PackLanes(PackRows pack, int layers, Position position) {
        this.pack = pack;
        this.layers = layers;
        this.lanes = pack.lanes();
        this.position = position;
    }

    /** The same without one of the packs. */
    PackLanes drop(int number) {
        return new PackLanes(pack.drop(number), layers, position);
    }

    PackRows pack() {
        return pack;
    }

    /** What all lanes together have left, of all packs. */
    PackProgress progress() {
        int learning = IntStream.range(0, lanes)
                .flatMap(lane -> IntStream.range(0, pack.packs().size())
                        .map(number -> (int) pack.learning(lane, number).count()))
                .sum();
        return new PackProgress(
                pack.rows(),
                pack.learns() ? learning : pack.rows(),
                backwardLayers(pack.packs().stream()
                        .filter(own -> own.learns() || !pack.learns())
                        .toList()),
                Arrays.stream(forwardLeft()).sum(),
                Arrays.stream(backwardLeft()).asLongStream().sum());
    }

    /** The same of one of the packs. */
    PackProgress progress(int number) {
        int learning = 0;
        int forward = 0;
        int backward = 0;
        for (int lane = 0; lane < lanes; lane++) {
            learning += (int) pack.learning(lane, number).count();
            forward += (int) IntStream.range(pack.laneFrom(lane) + position.forward[lane], pack.laneTo(lane))
                    .filter(row -> pack.packOf(row) == number)
                    .count();
            backward += left(lane, number);
        }
        return new PackProgress(
                pack.rows(number), learning, backwardLayers(List.of(pack.packs().get(number))), forward, backward);
    }

    /**
     * Shares an iteration with fine-tuning work.
     *
     * @throws IllegalArgumentException if there is not so much left, or the whole pack must go forward first
     */
    Split split(IterationInputs inputs) {
        TrainingWork work = inputs.training().orElseThrow();
        check(work);
        int forward = work.forwardRows();
        int backward = Math.toIntExact(work.backwardRowLayers());
        int[] forwardLeft = forwardLeft();
        int[] backwardLeft = backwardLeft();
        List<List<Integer>> segments = SegmentShares.of(inputs.segments(), lanes);
        double[] loads = segments.stream()
                .mapToDouble(own -> (double) layers * SegmentShares.rows(inputs.segments(), own))
                .toArray();
        int[] forwardShares = share(forward, layers, forwardLeft, loads);
        int[] backwardShares = share(backward, BACKWARD_COST, backwardLeft, loads);
        if (lanes > 1 && SegmentShares.isEven(loads)) {
            return split(inputs, segments, forwardShares, backwardShares, true);
        }
        int fullest = IntStream.range(0, lanes)
                .boxed()
                .max(Comparator.comparingDouble(
                        lane -> layers * forwardLeft[lane] + BACKWARD_COST * backwardLeft[lane]))
                .orElseThrow();
        List<List<Integer>> together = new ArrayList<>(Collections.nCopies(lanes, List.of()));
        together.set(fullest, SegmentShares.all(inputs.segments()));
        return split(
                inputs, together, fill(forward, fullest, forwardLeft), fill(backward, fullest, backwardLeft), false);
    }

    private Split split(
            IterationInputs inputs, List<List<Integer>> segments, int[] forward, int[] backward, boolean even) {
        List<Part> parts = new ArrayList<>();
        Position next = position.copy();
        for (int lane = 0; lane < lanes; lane++) {
            List<Integer> own = segments.get(lane);
            if (!own.isEmpty() || forward[lane] > 0 || backward[lane] > 0) {
                int from = pack.laneFrom(lane) + position.forward[lane];
                PackWindows windows = new PackWindows(from, from + forward[lane], backward(lane, backward[lane], next));
                parts.add(new Part(lane, SegmentShares.pick(inputs.segments(), own), own, windows));
                next.forward[lane] += forward[lane];
            }
        }
        return new Split(parts, even, new PackLanes(pack, layers, next));
    }

    private void check(TrainingWork work) {
        if (work.backwardRowLayers() > 0 && !pack.learns()) {
            throw new IllegalArgumentException("backward with a pack that only measures");
        }
        PackProgress left = progress();
        if (work.forwardRows() < 0
                || work.backwardRowLayers() < 0
                || work.forwardRows() > left.forwardRows()
                || work.backwardRowLayers() > left.backwardRowLayers()) {
            throw new IllegalArgumentException("an iteration with " + work.forwardRows() + " rows forward and "
                    + work.backwardRowLayers() + " rows times layers backward; the pack has " + left.forwardRows()
                    + " and "
                    + left.backwardRowLayers() + " left");
        }
        if (work.backwardRowLayers() > 0 && work.forwardRows() < left.forwardRows()) {
            throw new IllegalArgumentException("backward with " + (left.forwardRows() - work.forwardRows())
                    + " rows of the pack that have not gone forward");
        }
    }

    /**
     * The next rows that go backward in a lane: from the last layer to the first, in each from the last row.
     *
     * @param next becomes the position behind them
     */
    private List<PackWindows.Backward> backward(int lane, int count, Position next) {
        List<PackWindows.Backward> windows = new ArrayList<>();
        int left = count;
        while (left > 0) {
            int layer = next.layer[lane];
            int[] rows = pack.learning(lane, layer, next.end[lane]);
            int from = Math.max(0, rows.length - left);
            PackRows.ranges(Arrays.copyOfRange(rows, from, rows.length))
                    .forEach(range -> windows.add(new PackWindows.Backward(layer, range[0], range[1])));
            left -= rows.length - from;
            next.layer[lane] = from > 0 ? layer : layer - 1;
            next.end[lane] = from > 0 ? rows[from] : pack.laneTo(lane);
        }
        return windows;
    }

    private int[] forwardLeft() {
        return IntStream.range(0, lanes)
                .map(lane -> pack.laneRows(lane) - position.forward[lane])
                .toArray();
    }

    private int[] backwardLeft() {
        return IntStream.range(0, lanes)
                .map(lane -> IntStream.range(0, pack.packs().size())
                        .map(number -> left(lane, number))
                        .sum())
                .toArray();
    }

    /** How many layers rows of these packs go backward through; all if there are none. */
    private int backwardLayers(List<LaidPack> packs) {
        return (int) IntStream.range(0, layers)
                .filter(layer -> packs.isEmpty() || packs.stream().anyMatch(own -> own.goesBack(layer)))
                .count();
    }

    /** Rows times layers that have not gone backward, of a lane's rows of one of the packs. */
    private int left(int lane, int number) {
        LaidPack own = pack.packs().get(number);
        int layer = position.layer[lane];
        int rows = (int) pack.learning(lane, number).count();
        int below = (int) IntStream.range(0, layer).filter(own::goesBack).count();
        boolean begun = layer >= 0 && own.goesBack(layer);
        int inLayer = begun
                ? (int) pack.learning(lane, number)
                        .filter(row -> row < position.end[lane])
                        .count()
                : 0;
        return rows * below + inLayer;
    }

    /**
     * Shares rows out: each lane's load becomes what is its due by the rows that it has left, as far as possible.
     *
     * @param cost of a row
     * @param left rows of each lane
     * @param loads what lanes have to do besides; grows
     */
    private int[] share(int rows, double cost, int[] left, double[] loads) {
        int[] shares = place(rows, due(rows, cost, left, loads), left);
        for (int lane = 0; lane < lanes; lane++) {
            loads[lane] += cost * shares[lane];
        }
        return shares;
    }

    /** As many rows as possible for one lane. */
    private int[] fill(int rows, int lane, int[] left) {
        double[] wanted = new double[lanes];
        wanted[lane] = rows;
        return place(rows, wanted, left);
    }

    /** Gives each lane what is wanted for it, as far as it has rows left, and the rest to those that have more. */
    private int[] place(int rows, double[] wanted, int[] left) {
        int[] shares = new int[lanes];
        int missing = rows;
        for (int lane = 0; lane < lanes; lane++) {
            shares[lane] = (int) Math.min(Math.round(wanted[lane]), Math.min(left[lane], missing));
            missing -= shares[lane];
        }
        for (int lane = 0; lane < lanes; lane++) {
            int more = Math.min(missing, left[lane] - shares[lane]);
            shares[lane] += more;
            missing -= more;
        }
        return shares;
    }

    /** Rows for each lane, not rounded; none for those that have more to do than their due already. */
    private double[] due(int rows, double cost, int[] left, double[] loads) {
        double[] due = new double[lanes];
        boolean[] full = new boolean[lanes];
        boolean settled = false;
        while (!settled) {
            settled = true;
            double total = cost * rows;
            int all = 0;
            for (int lane = 0; lane < lanes; lane++) {
                total += full[lane] ? 0 : loads[lane];
                all += full[lane] ? 0 : left[lane];
            }
            for (int lane = 0; lane < lanes; lane++) {
                due[lane] = full[lane] || all == 0 ? 0 : (total * left[lane] / all - loads[lane]) / cost;
                if (due[lane] < 0) {
                    full[lane] = true;
                    settled = false;
                }
            }
        }
        return due;
    }
}
