package io.tandem.scheduler.finetune;

import io.tandem.kernels.TrainingPack;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** The order in which a job sees its examples; it depends on the job alone. */
final class MiniBatches {
    private final FinetuneJob job;
    private final int packTokens;
    private final int[] order;
    private final SplittableRandom random;
    private int next;

    MiniBatches(FinetuneJob job, int packTokens) {
        this.job = job;
        this.packTokens = packTokens;
        this.order = new int[job.examples().size()];
        for (int i = 0; i < order.length; i++) {
            order[i] = i;
        }
        // The initial weights come from the seed itself.
        this.random = new SplittableRandom(job.settings().seed() ^ 0x9E3779B97F4A7C15L);
        shuffle();
    }

    /** The next mini-batch, as packs that fit the device; the epoch's last one may be smaller. */
    List<TrainingPack> next() {
        if (next == order.length) {
            shuffle();
            next = 0;
        }
        int end = Math.min(order.length, next + job.settings().batchSize());
        List<TrainingPack> packs = new ArrayList<>();
        List<TrainingPack.Sequence> open = new ArrayList<>();
        int rows = 0;
        for (; next < end; next++) {
            TrainingPack.Sequence example = job.examples().get(order[next]);
            if (rows + example.tokens().length > packTokens) {
                packs.add(new TrainingPack(open, TrainingPack.Purpose.LEARN));
                open = new ArrayList<>();
                rows = 0;
            }
            open.add(example);
            rows += example.tokens().length;
        }
        packs.add(new TrainingPack(open, TrainingPack.Purpose.LEARN));
        return packs;
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
