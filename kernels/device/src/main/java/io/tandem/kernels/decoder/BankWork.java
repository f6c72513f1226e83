package io.tandem.kernels.decoder;

import io.tandem.kernels.decoder.OptimizerArguments.Range;
import io.tandem.kernels.decoder.ScriptObjects.TraineeObject;
import io.tandem.kernels.tensor.Lanes;
import io.tandem.kernels.tensor.TensorScope;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/**
 * What is to be done to a trainee before rows use it, in order. With some methods it takes time in proportion to the model,
 * so it can be left after any bank and gone on with later. Banks have nothing to do with each other: each lane takes the
 * next one and computes it alone, so what comes of them does not depend on where it was left.
 */
final class BankWork {
    private final DecoderScript script;
    private final TensorScope scope;
    private final AdapterSlots adapters;
    private final int slot;
    private final TraineeObject trainee;
    private final Lanes lanes;
    private final int banks;
    private final Queue<Task> tasks = new ArrayDeque<>();

    private interface Task {
        /** Goes on until {@link System#nanoTime} says so; returns whether it is done. */
        boolean proceed(long end);
    }

    BankWork(
            DecoderScript script,
            TensorScope scope,
            AdapterSlots adapters,
            int slot,
            TraineeObject trainee,
            Lanes lanes,
            int banks) {
        this.script = script;
        this.scope = scope;
        this.adapters = adapters;
        this.slot = slot;
        this.trainee = trainee;
        this.lanes = lanes;
        this.banks = banks;
    }

    /** Something that is done at once, after what was added before. */
    void add(Runnable task) {
        tasks.add(end -> {
            task.run();
            return true;
        });
    }

    private void addForEachBank(IntConsumer task) {
        AtomicInteger next = new AtomicInteger();
        tasks.add(end -> {
            // Never fewer lanes, even for the last bank: with all threads its sums would have another order.
            lanes.share(lanes.count(), (from, to) -> takeBanks(next, task, end));
            return next.get() >= banks;
        });
    }

    private void takeBanks(AtomicInteger next, IntConsumer task, long end) {
        boolean more = true;
        while (more) {
            int bank = next.getAndIncrement();
            if (bank < banks) {
                task.accept(bank);
            }
            more = bank < banks && !isOver(end);
        }
    }

    private static boolean isOver(long end) {
        return System.nanoTime() - end >= 0;
    }

    /** @param penalty as in {@link DecoderScript#finishGradients} */
    void finishGradients(double penalty) {
        addForEachBank(bank -> {
            try (TensorScope call = scope.open()) {
                script.finishGradients(call, trainee, new Range(bank, bank + 1), penalty);
            }
        });
    }

    /** Copies what was learned into the slot. */
    void publish() {
        addForEachBank(bank -> {
            try (TensorScope call = scope.open()) {
                script.publish(call, adapters.value(), trainee, new Range(bank, bank + 1));
            }
        });
        add(() -> adapters.changed(slot));
    }

    /**
     * Goes on for about so long, with one bank for each lane at least.
     *
     * @return whether all is done
     */
    boolean proceed(long nanos) {
        long end = System.nanoTime() + nanos;
        boolean more = !tasks.isEmpty();
        while (more) {
            if (tasks.element().proceed(end)) {
                tasks.remove();
            }
            more = !tasks.isEmpty() && !isOver(end);
        }
        return tasks.isEmpty();
    }

    /** Zeros in the slot for banks that are not finite. */
    void clearBroken() {
        try (TensorScope call = scope.open()) {
            script.clearBroken(call, adapters.value(), trainee);
        }
    }
}
