package io.tandem.scheduler.testing;

import static io.tandem.scheduler.testing.FakeDevice.require;

import io.tandem.kernels.PackProgress;
import io.tandem.kernels.SequenceScores;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The packs of a {@link FakeDevice}, side by side: their rows go one pack after the other. */
final class FakeArena {
    private final List<FakePack> packs = new ArrayList<>();

    void begin(FakePack pack) {
        packs.clear();
        packs.add(pack);
    }

    void join(FakePack pack, int most) {
        require(!packs.isEmpty() && progress().untouched(), "a pack joins others that have gone forward, or none");
        packs.add(pack);
        require(progress().rows() <= most, "packs of " + progress().rows() + " rows");
    }

    FakePack pack(int number) {
        return packs.get(number);
    }

    Stream<FakePack> packs() {
        return packs.stream();
    }

    PackProgress progress() {
        PackProgress sum = new PackProgress(0, 0, 0, 0, 0);
        for (FakePack pack : packs) {
            PackProgress own = pack.progress();
            sum = new PackProgress(
                    sum.rows() + own.rows(),
                    sum.learningRows() + (pack.learns() ? own.learningRows() : 0),
                    Math.max(sum.layers(), own.layers()),
                    sum.forwardRows() + own.forwardRows(),
                    sum.backwardRowLayers() + own.backwardRowLayers());
        }
        return sum;
    }

    /** Tokens to learn among the next rows. */
    int learned(int rows) {
        int left = rows;
        int learned = 0;
        for (FakePack pack : packs) {
            int own = Math.min(left, pack.progress().forwardRows());
            learned += pack.learned(own);
            left -= own;
        }
        return learned;
    }

    /**
     * @param spoilt slot of a trainee whose losses are not numbers
     * @return scores of all packs' sequences
     */
    SequenceScores forward(int rows, int spoilt) {
        require(rows >= 0 && rows <= progress().forwardRows(), "forward beyond the packs");
        int sequences = packs.stream().mapToInt(FakePack::sequences).sum();
        SequenceScores all = SequenceScores.zeros(sequences);
        int left = rows;
        int first = 0;
        for (FakePack pack : packs) {
            int own = Math.min(left, pack.progress().forwardRows());
            SequenceScores scores = pack.forward(own);
            for (int i = 0; i < scores.losses().length; i++) {
                all.losses()[first + i] = scores.losses()[i];
                all.mistakes()[first + i] = scores.mistakes()[i];
            }
            if (own > 0 && pack.uses(spoilt)) {
                all.add(first, Double.NaN, false);
            }
            first += scores.losses().length;
            left -= own;
        }
        return all;
    }

    /** Returns the packs whose gradient is complete with that. */
    List<FakePack> backward(long rowLayers) {
        PackProgress before = progress();
        require(rowLayers == 0 || before.forwardRows() == 0, "backward before all packs went forward");
        require(rowLayers >= 0 && rowLayers <= before.backwardRowLayers(), "backward beyond the packs");
        List<FakePack> complete = new ArrayList<>();
        long left = rowLayers;
        for (FakePack pack : packs) {
            long own = Math.min(left, pack.progress().backwardRowLayers());
            pack.backward(own);
            left -= own;
            if (own > 0 && !pack.unfinished()) {
                complete.add(pack);
            }
        }
        return complete;
    }
}
