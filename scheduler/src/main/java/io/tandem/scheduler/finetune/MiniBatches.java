package io.tandem.scheduler.finetune;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** The order in which a job sees its examples; it depends on the job alone. */
final class MiniBatches {
    private final FinetuneJob job;
    private final int[] order;
    private final SplittableRandom random;
    private int next;

    /** @param steps mini-batches that an earlier run has seen already */
    MiniBatches(FinetuneJob job, int steps) {
        this.job = job;
        this.order = new int[job.training().size()];
        for (int i = 0; i < order.length; i++) {
            order[i] = i;
        }
        // The initial weights come from the seed itself.
        this.random = new SplittableRandom(job.settings().seed() ^ 0x9E3779B97F4A7C15L);
        shuffle();
        for (int step = 0; step < steps; step++) {
            next();
        }
    }

    /** Indices of the next mini-batch's examples; the epoch's last one may be smaller. */
    List<Integer> next() {
        if (next == order.length) {
            shuffle();
            next = 0;
        }
        int end = Math.min(order.length, next + job.settings().batchSize());
        List<Integer> batch = new ArrayList<>();
        for (; next < end; next++) {
            batch.add(order[next]);
        }
        return batch;
    }

    private void shuffle() {
        for (int i = order.length - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int swapped = order[i];
            order[i] = order[j];
            order[j] = swapped;
        }
    }
}
