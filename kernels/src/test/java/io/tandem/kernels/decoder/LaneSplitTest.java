package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.BackwardWindow;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.TrainingPack;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

class LaneSplitTest {
    private static final int LAYERS = 3;
    private static final int VOCAB = 50;

    private final long seed = new Random().nextLong();
    private final Random random = new Random(seed);

    @RepeatedTest(50)
    void everyRowGoesOnceAndSequencesStayWhole() {
        PackRows pack = pack(random.ints(1 + random.nextInt(20), 1, 60).toArray());
        List<Segment> segments = decodes(random.nextInt(30));
        IterationInputs whole = new IterationInputs(segments, Optional.of(work(pack.rows())));
        List<IterationInputs> parts = LaneSplit.of(whole, pack, LAYERS, 2 + random.nextInt(3));
        List<String> rows = new ArrayList<>();
        TreeMap<Integer, TreeSet<Integer>> lanesBySequence = new TreeMap<>();
        for (int lane = 0; lane < parts.size(); lane++) {
            assertThat(parts.get(lane).segments()).isEqualTo(lane == 0 ? segments : List.of());
            List<String> own = rows(parts.get(lane));
            rows.addAll(own);
            for (String row : own) {
                int at = Integer.parseInt(row.substring(row.indexOf(' ') + 1));
                lanesBySequence
                        .computeIfAbsent(pack.sequence(at), first -> new TreeSet<>())
                        .add(lane);
            }
        }
        assertThat(rows).as("seed %d", seed).containsExactlyInAnyOrderElementsOf(rows(whole));
        assertThat(lanesBySequence.values()).as("seed %d", seed).allMatch(lanes -> lanes.size() == 1);
    }

    @Test
    void manySequencesAreSharedEvenly() {
        PackRows pack = pack(IntStream.range(0, 40).map(i -> 10).toArray());
        IterationInputs whole =
                new IterationInputs(decodes(40), Optional.of(new TrainingWork(0, pack.rows(), List.of())));
        List<IterationInputs> parts = LaneSplit.of(whole, pack, LAYERS, 2);
        // 440 rows in all: 40 decode rows and 180 of the pack are half of them.
        assertThat(parts)
                .extracting(part -> part.training().orElseThrow().forwardTo()
                        - part.training().orElseThrow().forwardFrom())
                .containsExactly(180, 220);
    }

    @Test
    void whatHasNoEvenPartsStaysWhole() {
        TrainingWork all = new TrainingWork(0, 200, List.of());
        assertStaysWhole(new IterationInputs(List.of(), Optional.of(all)), pack(200));
        assertStaysWhole(new IterationInputs(List.of(), Optional.of(all)), pack(180, 20));
        assertStaysWhole(new IterationInputs(decodes(9), Optional.of(all)), pack(200));
        assertStaysWhole(
                new IterationInputs(List.of(), Optional.of(new TrainingWork(0, 40, List.of()))), pack(20, 20, 160));
        assertStaysWhole(new IterationInputs(decodes(200), Optional.empty()), pack(100, 100));
        IterationInputs even = new IterationInputs(List.of(), Optional.of(all));
        assertThat(LaneSplit.of(even, pack(100, 100), LAYERS, 2)).hasSize(2);
        assertThat(LaneSplit.of(even, pack(100, 100), LAYERS, 1)).containsExactly(even);
    }

    private static void assertStaysWhole(IterationInputs inputs, PackRows pack) {
        assertThat(LaneSplit.of(inputs, pack, LAYERS, 2)).containsExactly(inputs);
    }

    private PackRows pack(int... lengths) {
        TrainingPack pack = Devices.pack(random, VOCAB, lengths);
        return new PackRows(new int[] {0}, pack);
    }

    private TrainingWork work(int rows) {
        int from = random.nextInt(rows);
        int to = from + random.nextInt(rows - from + 1);
        List<BackwardWindow> backward = new ArrayList<>();
        for (int layer = LAYERS - 1; layer >= random.nextInt(LAYERS); layer--) {
            int end = 1 + random.nextInt(rows);
            backward.add(new BackwardWindow(layer, random.nextInt(end), end));
        }
        return new TrainingWork(from, to, backward);
    }

    private static List<Segment> decodes(int count) {
        return IntStream.range(0, count)
                .mapToObj(slot -> Devices.segment(slot, 5, new int[] {1}, IterationInputs.BASE, Sampling.GREEDY))
                .toList();
    }

    /** Which rows of the pack go forward, and which go backward through which layer. */
    private static List<String> rows(IterationInputs inputs) {
        List<String> rows = new ArrayList<>();
        TrainingWork work = inputs.training().orElseThrow();
        for (int row = work.forwardFrom(); row < work.forwardTo(); row++) {
            rows.add("forward " + row);
        }
        for (BackwardWindow window : work.backward()) {
            for (int row = window.from(); row < window.to(); row++) {
                rows.add("layer" + window.layer() + " " + row);
            }
        }
        return rows;
    }
}
