package io.tandem.scheduler.testing;

import static io.tandem.scheduler.testing.FakeDevice.require;

import io.tandem.kernels.IterationInputs.BackwardWindow;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import java.util.Arrays;

/**
 * A pack on a {@link FakeDevice}: it insists on the order of windows, and its losses and gradient depend on the tokens,
 * the adapters and the factors, but not on how the rows were cut.
 */
final class FakePack {
    /** Tokens with a larger loss were not the most likely. */
    private static final double HALF = 0.5;

    private final int[] slots;
    private final TrainingPack pack;
    private final long stack;
    private final int[] sequenceOf;
    private final double[] rowLosses;
    private int forward;
    private int layer;
    private int to;
    private double[] factors;

    /** @param stack a hash of the adapters' weights */
    FakePack(int[] slots, TrainingPack pack, long stack, int layers) {
        this.slots = slots.clone();
        this.pack = pack;
        this.stack = stack;
        int rows = pack.rows();
        this.sequenceOf = new int[rows];
        this.rowLosses = new double[rows];
        this.layer = pack.purpose() == TrainingPack.Purpose.LEARN ? layers - 1 : -1;
        this.to = rows;
        int row = 0;
        for (int index = 0; index < pack.sequences().size(); index++) {
            Sequence sequence = pack.sequences().get(index);
            long state = stack;
            for (int at = 0; at < sequence.tokens().length; at++) {
                state = mix(state + sequence.tokens()[at]);
                sequenceOf[row] = index;
                boolean learned = sequence.labels()[at] != TrainingPack.IGNORED;
                // A fraction with few digits, so that sums do not depend on their order.
                rowLosses[row++] = learned ? (1 + (state >>> 54)) / 1024.0 : Double.NaN;
            }
        }
    }

    private static long mix(long value) {
        long mixed = value * 0x9E3779B97F4A7C15L;
        return mixed ^ (mixed >>> 31);
    }

    boolean uses(int slot) {
        return Arrays.stream(slots).anyMatch(used -> used == slot);
    }

    int traineeSlot() {
        return slots[slots.length - 1];
    }

    boolean learns() {
        return pack.purpose() == TrainingPack.Purpose.LEARN;
    }

    boolean unfinished() {
        return forward < sequenceOf.length || layer >= 0;
    }

    SequenceScores forward(int from, int until) {
        if (from == until) {
            return SequenceScores.NONE;
        }
        require(from == forward && until > from, "forward out of order");
        require(until <= sequenceOf.length, "forward beyond the pack");
        forward = until;
        SequenceScores scores = SequenceScores.zeros(pack.sequences().size());
        for (int row = from; row < until; row++) {
            if (!Double.isNaN(rowLosses[row])) {
                scores.add(sequenceOf[row], rowLosses[row], rowLosses[row] > HALF);
            }
        }
        return scores;
    }

    int learned(int from, int until) {
        return (int) Arrays.stream(rowLosses, from, until)
                .filter(loss -> !Double.isNaN(loss))
                .count();
    }

    void scale(double[] sequenceFactors) {
        require(learns(), "a measurement is scaled");
        require(sequenceFactors.length == pack.sequences().size(), "a factor is missing");
        require(forward == sequenceOf.length, "sequences are scaled before the whole pack went forward");
        require(to == sequenceOf.length && factors == null, "sequences are scaled too late, or twice");
        factors = sequenceFactors.clone();
    }

    void backward(BackwardWindow window) {
        require(forward == sequenceOf.length, "backward before the whole pack went forward");
        require(window.layer() == layer && window.to() == to, "backward out of order");
        require(window.from() < window.to() && window.from() >= 0, "an empty window");
        to = window.from();
        if (to == 0) {
            layer--;
            to = sequenceOf.length;
        }
    }

    /** Of the whole pack, as a number: a sum over its sequences, so it does not matter which of them share a pack. */
    long gradient() {
        long[] gradients = new long[pack.sequences().size()];
        for (int row = 0; row < rowLosses.length; row++) {
            int sequence = sequenceOf[row];
            gradients[sequence] = gradients[sequence] * 31 + Double.hashCode(rowLosses[row]);
        }
        long gradient = 0;
        for (int sequence = 0; sequence < gradients.length; sequence++) {
            int factor = factors == null ? 0 : Double.hashCode(factors[sequence]);
            gradient += mix(stack + gradients[sequence] + factor);
        }
        return gradient;
    }
}
