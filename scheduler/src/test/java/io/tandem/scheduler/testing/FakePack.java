package io.tandem.scheduler.testing;

import static io.tandem.scheduler.testing.FakeDevice.require;

import io.tandem.kernels.PackProgress;
import io.tandem.kernels.SequenceScores;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import java.util.Arrays;

/**
 * A pack on a {@link FakeDevice}: it insists that no more runs than it has, and its losses and gradient depend on the tokens,
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
    private final int layers;
    private int forward;
    private long backwardLeft;
    private double[] factors;
    private boolean dropped;

    /** @param stack a hash of the adapters' weights */
    FakePack(int[] slots, TrainingPack pack, long stack, int layers) {
        this.slots = slots.clone();
        this.pack = pack;
        this.stack = stack;
        int rows = pack.rows();
        this.sequenceOf = new int[rows];
        this.rowLosses = new double[rows];
        this.layers = layers;
        this.backwardLeft = learns() ? (long) layers * rows : 0;
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

    int[] slots() {
        return slots.clone();
    }

    boolean uses(int slot) {
        return Arrays.stream(slots).anyMatch(used -> used == slot);
    }

    boolean has(int token) {
        return pack.sequences().stream()
                .anyMatch(sequence -> Arrays.stream(sequence.tokens()).anyMatch(own -> own == token));
    }

    int traineeSlot() {
        return slots[slots.length - 1];
    }

    boolean learns() {
        return pack.purpose() == TrainingPack.Purpose.LEARN;
    }

    boolean unfinished() {
        return !progress().done();
    }

    int sequences() {
        return pack.sequences().size();
    }

    /** Its rows do nothing any more. */
    void drop() {
        dropped = true;
    }

    PackProgress progress() {
        if (dropped) {
            return new PackProgress(sequenceOf.length, 0, layers, 0, 0);
        }
        return new PackProgress(sequenceOf.length, layers, sequenceOf.length - forward, backwardLeft);
    }

    SequenceScores forward(int rows) {
        require(rows >= 0 && forward + rows <= sequenceOf.length, "forward beyond the pack");
        SequenceScores scores = SequenceScores.zeros(pack.sequences().size());
        for (int end = forward + rows; forward < end; forward++) {
            if (!Double.isNaN(rowLosses[forward])) {
                scores.add(sequenceOf[forward], rowLosses[forward], rowLosses[forward] > HALF);
            }
        }
        return scores;
    }

    /** Tokens to learn among the next rows. */
    int learned(int rows) {
        return (int) Arrays.stream(rowLosses, forward, forward + rows)
                .filter(loss -> !Double.isNaN(loss))
                .count();
    }

    void scale(double[] sequenceFactors) {
        require(learns(), "a measurement is scaled");
        require(sequenceFactors.length == pack.sequences().size(), "a factor is missing");
        require(forward == sequenceOf.length, "sequences are scaled before the whole pack went forward");
        require(
                backwardLeft == (long) layers * sequenceOf.length && factors == null,
                "sequences are scaled too late, or twice");
        factors = sequenceFactors.clone();
    }

    void backward(long rowLayers) {
        require(rowLayers == 0 || forward == sequenceOf.length, "backward before the whole pack went forward");
        require(rowLayers >= 0 && rowLayers <= backwardLeft, "backward beyond the pack");
        backwardLeft -= rowLayers;
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
