package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationInputs.TrainingWork;
import io.tandem.kernels.PackProgress;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.testing.Seeded;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class PackLanesTest {
    private static final int LAYERS = 3;
    private static final int VOCAB = 50;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final long seed = seeded.seed();
    private final Random random = seeded.random();

    /** Whatever the windows and the traffic, each lane goes over its rows once and in order, and inference runs once. */
    @RepeatedTest(50)
    void everyLaneGoesOverItsRowsInOrder() {
        List<LaidPack> packs = new ArrayList<>();
        for (int number = random.nextInt(3); number >= 0; number--) {
            int[] lengths = random.ints(8 + random.nextInt(20), 1, 60).toArray();
            packs.add(laid(number, random.nextInt(LAYERS), lengths));
        }
        PackRows pack = new PackRows(packs, 2 + random.nextInt(3));
        List<List<String>> rows = new ArrayList<>();
        IntStream.range(0, pack.lanes()).forEach(lane -> rows.add(new ArrayList<>()));
        PackLanes lanes = new PackLanes(pack, LAYERS);
        int rowLayers = packs.stream()
                .mapToInt(own -> own.pack().rows() * (LAYERS - own.lowest()))
                .sum();
        for (TrainingWork work : windows(pack.rows(), rowLayers)) {
            List<Segment> segments = decodes(random.nextInt(3) * random.nextInt(60));
            PackLanes.Split split = lanes.split(new IterationInputs(segments, Optional.of(work)));
            assertThat(split.parts().stream().flatMap(part -> part.places().stream()))
                    .as("seed %d", seed)
                    .containsExactlyInAnyOrderElementsOf(
                            IntStream.range(0, segments.size()).boxed().toList());
            for (PackLanes.Part part : split.parts()) {
                rows.get(part.lane()).addAll(rows(part.windows()));
                assertThat(part.segments())
                        .isEqualTo(part.places().stream().map(segments::get).toList());
            }
            lanes = split.next();
        }
        for (int lane = 0; lane < pack.lanes(); lane++) {
            List<String> expected = new ArrayList<>();
            int from = pack.laneFrom(lane);
            int to = from + pack.laneRows(lane);
            IntStream.range(from, to).forEach(row -> expected.add("forward " + row));
            for (int layer = LAYERS - 1; layer >= 0; layer--) {
                for (int row = to - 1; row >= from; row--) {
                    if (packs.get(pack.packOf(row)).lowest() <= layer) {
                        expected.add("layer " + layer + " row " + row);
                    }
                }
            }
            assertThat(rows.get(lane)).as("lane %d, seed %d", lane, seed).isEqualTo(expected);
        }
        assertThat(pack.lanes() == 1 ? pack.rows() : pack.laneFrom(pack.lanes() - 1) + pack.laneRows(pack.lanes() - 1))
                .isEqualTo(pack.rows());
    }

    @Test
    void decodeRowsAreSharedByNeighbourhood() {
        PackLanes lanes = new PackLanes(pack(2, 100, 100, 100, 100), LAYERS);
        PackLanes.Split split = lanes.split(new IterationInputs(decodes(41), Optional.of(new TrainingWork(160, 0))));
        assertThat(split.even()).isTrue();
        assertThat(split.parts().get(0).places())
                .isEqualTo(IntStream.range(0, 21).boxed().toList());
        assertThat(forwardRows(split)).containsExactlyInAnyOrder(80, 80);
    }

    @Test
    void theLaneWithAPromptDoesLessOfTheRest() {
        PackLanes lanes = new PackLanes(pack(2, 100, 100, 100, 100), LAYERS);
        List<Segment> segments = new ArrayList<>(decodes(20));
        segments.add(Devices.segment(30, 0, Devices.tokens(random, 60, VOCAB), IterationInputs.BASE, Sampling.GREEDY));
        PackLanes.Split split = lanes.split(new IterationInputs(segments, Optional.of(new TrainingWork(160, 0))));
        assertThat(split.even()).isTrue();
        assertThat(split.parts()).extracting(PackLanes.Part::places).contains(List.of(20));
        assertThat(forwardRows(split)).containsExactlyInAnyOrder(60, 100);
    }

    @Test
    void withoutEvenPartsAllRowsGoTogether() {
        PackLanes lanes = new PackLanes(pack(2, 100, 100), LAYERS);
        TrainingWork little = new TrainingWork(20, 0);
        Segment prompt =
                Devices.segment(0, 0, Devices.tokens(random, 90, VOCAB), IterationInputs.BASE, Sampling.GREEDY);
        PackLanes.Split split = lanes.split(new IterationInputs(List.of(prompt), Optional.of(little)));
        assertThat(split.even()).isFalse();
        assertThat(forwardRows(split)).containsExactly(20);
        assertThat(split.parts().get(0).segments()).containsExactly(prompt);
    }

    @Test
    void answersAloneAreSharedIfThereAreEnoughOfThem() {
        PackLanes pack = new PackLanes(PackRows.EMPTY, LAYERS);
        InferenceLanes lanes = new InferenceLanes(2, 4, 2);
        PackLanes.Split split = lanes.split(decodes(5), pack);
        assertThat(split.even()).isTrue();
        assertThat(split.parts()).extracting(PackLanes.Part::places).containsExactly(List.of(0, 1, 2), List.of(3, 4));
        assertThat(split.parts()).allMatch(part -> part.windows().equals(PackWindows.NONE));
        assertThat(split.next()).isSameAs(pack);
        List<Segment> few = decodes(3);
        assertThat(lanes.split(few, pack).parts())
                .containsExactly(new PackLanes.Part(0, few, List.of(0, 1, 2), PackWindows.NONE));
        List<Segment> uneven = new ArrayList<>(decodes(2));
        uneven.add(Devices.segment(9, 0, Devices.tokens(random, 30, VOCAB), IterationInputs.BASE, Sampling.GREEDY));
        assertThat(lanes.split(uneven, pack).even()).isFalse();
        assertThat(new InferenceLanes(1, 1, 1).split(few, pack).even()).isFalse();
    }

    @Test
    void sequencesThatCannotBeSharedOutEvenlyHaveOneLane() {
        assertThat(pack(2, 100).lanes()).isOne();
        assertThat(pack(2, 150, 50).lanes()).isOne();
        assertThat(pack(1, 50, 50).lanes()).isOne();
        assertThat(pack(2, 10, 60, 50).lanes()).isEqualTo(2);
        PackRows rows = pack(2, 10, 60, 50);
        assertThat(IntStream.range(0, 120).map(rows::sequence).distinct()).containsExactlyInAnyOrder(0, 1, 2);
    }

    @Test
    void workThatIsNotLeftIsRefused() {
        for (int count = 1; count <= 2; count++) {
            PackLanes lanes = new PackLanes(pack(count, 50, 50), LAYERS);
            assertThat(lanes.progress()).isEqualTo(new PackProgress(100, LAYERS, 100, 300));
            assertThatThrownBy(() -> lanes.split(inputs(new TrainingWork(101, 0))))
                    .hasMessageContaining("the pack has 100 and 300 left");
            assertThatThrownBy(() -> lanes.split(inputs(new TrainingWork(60, 10))))
                    .hasMessage("backward with 40 rows of the pack that have not gone forward");
            PackLanes forward = lanes.split(inputs(new TrainingWork(100, 120))).next();
            assertThat(forward.progress()).isEqualTo(new PackProgress(100, LAYERS, 0, 180));
            assertThatThrownBy(() -> forward.split(inputs(new TrainingWork(0, 181))))
                    .hasMessageContaining("the pack has 0 and 180 left");
            assertThat(forward.split(inputs(new TrainingWork(0, 180)))
                            .next()
                            .progress()
                            .done())
                    .isTrue();
        }
    }

    /** Whenever a pack is dropped, the others go on as if it had never been there. */
    @RepeatedTest(20)
    void theOthersGoOnWithoutADroppedPack() {
        int first = random.nextInt(LAYERS);
        PackRows rows = new PackRows(
                List.of(laid(0, first, 20, 3, 11), laid(1, random.nextInt(LAYERS), 9, 16)), 1 + random.nextInt(2));
        PackLanes lanes = new PackLanes(rows, LAYERS);
        List<TrainingWork> works = windows(59, Math.toIntExact(lanes.progress().backwardRowLayers()));
        for (TrainingWork work : works.subList(0, random.nextInt(works.size()))) {
            lanes = lanes.split(inputs(work)).next();
        }
        PackProgress before = lanes.progress(0);
        assertThat(before.rows()).isEqualTo(34);
        lanes = lanes.drop(1);
        assertThat(lanes.progress(0)).as("seed %d", seed).isEqualTo(before);
        assertThat(lanes.progress().backwardRowLayers()).isEqualTo(before.backwardRowLayers());
        lanes = lanes.split(inputs(new TrainingWork(lanes.progress().forwardRows(), before.backwardRowLayers())))
                .next();
        assertThat(lanes.progress(0)).isEqualTo(new PackProgress(34, LAYERS - first, 0, 0));
        assertThat(IntStream.range(0, 59).filter(lanes.pack()::learns)).hasSize(34);
    }

    /** What the latency model is told of a window is what the device makes of it. */
    @RepeatedTest(20)
    void windowsAreCountedAsTheyAreCut() {
        PackRows pack = pack(1, 1 + random.nextInt(40));
        PackLanes lanes = new PackLanes(pack, LAYERS)
                .split(inputs(new TrainingWork(pack.rows(), 0)))
                .next();
        while (!lanes.progress().done()) {
            long rowLayers = 1 + random.nextInt((int) lanes.progress().backwardRowLayers());
            PackLanes.Split split = lanes.split(inputs(new TrainingWork(0, rowLayers)));
            assertThat(split.parts().get(0).windows().backward())
                    .as("seed %d", seed)
                    .hasSize(lanes.progress().backwardWindows(rowLayers));
            lanes = split.next();
        }
    }

    private static IterationInputs inputs(TrainingWork work) {
        return new IterationInputs(List.of(), Optional.of(work));
    }

    private PackRows pack(int lanes, int... lengths) {
        return new PackRows(List.of(laid(0, 0, lengths)), lanes);
    }

    private LaidPack laid(int slot, int lowest, int... lengths) {
        TrainingPack pack = Devices.pack(random, VOCAB, lengths);
        return new LaidPack(new int[] {slot}, AdapterSlots.Virtual.NONE, new BitSet(), lowest, pack);
    }

    private static List<Integer> forwardRows(PackLanes.Split split) {
        return split.parts().stream()
                .map(part -> part.windows().to() - part.windows().from())
                .toList();
    }

    private List<TrainingWork> windows(int rows, int rowLayers) {
        List<TrainingWork> windows = new ArrayList<>();
        for (int[] window : Devices.split(random, rows)) {
            windows.add(new TrainingWork(window[1] - window[0], 0));
        }
        for (int[] window : Devices.split(random, rowLayers)) {
            windows.add(new TrainingWork(0, window[1] - window[0]));
        }
        return windows;
    }

    private static List<Segment> decodes(int count) {
        return IntStream.range(0, count)
                .mapToObj(slot -> Devices.segment(slot, 5, new int[] {1}, IterationInputs.BASE, Sampling.GREEDY))
                .toList();
    }

    private static List<String> rows(PackWindows windows) {
        List<String> rows = new ArrayList<>();
        for (int row = windows.from(); row < windows.to(); row++) {
            rows.add("forward " + row);
        }
        for (PackWindows.Backward window : windows.backward()) {
            for (int row = window.to() - 1; row >= window.from(); row--) {
                rows.add("layer " + window.layer() + " row " + row);
            }
        }
        return rows;
    }
}
