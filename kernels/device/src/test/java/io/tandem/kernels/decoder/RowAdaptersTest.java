package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How rows find their adapters, and that each gets its own, whatever the others use. */
class RowAdaptersTest {
    private static final int ROWS = 20;
    private static final int ADAPTERS = 7;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    @Test
    void rowsWithTheSameAdaptersAreOneRun() {
        int[][] slots = new int[12][];
        Arrays.fill(slots, new int[] {3, 1});
        RowAdapters rows = RowAdapters.of(slots, slot -> 8, false, false);
        assertThat(rows.runs()).containsExactly(0, 12, 0, 12);
        assertThat(rows.runSlots()).containsExactly(3, 1);
        assertThat(rows.pack()).isEmpty();
        assertThat(RowAdapters.of(new int[][] {{5}}, slot -> 8, false, false).runs())
                .containsExactly(0, 1);
    }

    @Test
    void otherRowsArePairedInTheirOrder() {
        RowAdapters rows = RowAdapters.of(new int[][] {{4}, {2}, {9}, {}}, slot -> 8, false, false);
        assertThat(rows.runs()).isEmpty();
        assertThat(rows.pack()).containsExactly(4, 2, 9);
        assertThat(rows.pairs()).containsExactly(0, 1, 2, 0, 1, 2);
        assertThat(rows.inOrder()).isTrue();
    }

    @Test
    void anAdapterHasAPlaceForEachOfItsRowsAndSoHaveTheOthers() {
        RowAdapters rows = RowAdapters.of(new int[][] {{}, {4}, {2, 4}, {4}}, slot -> 8, false, false);
        assertThat(rows.pack()).containsExactly(4, 2);
        assertThat(rows.places()).isEqualTo(6);
        assertThat(rows.pairs()).containsExactly(1, 2, 3, 2, 0, 1, 2, 3);
        assertThat(rows.inOrder()).isFalse();
    }

    /** Where most have 8 ranks, those of one with 64 would be zeros of all others; one without ranks is left out. */
    @Test
    void anAdapterWithManyRanksHasProductsOfItsOwn() {
        int[] ranks = {8, 64, 8, 0, 16};
        int[][] slots = {{0}, {1}, {2, 1}, {3}, {4}};
        RowAdapters rows = RowAdapters.of(slots, slot -> ranks[slot], false, false);
        assertThat(rows.runs()).containsExactly(1, 2, 2, 3);
        assertThat(rows.runSlots()).containsExactly(1, 1);
        assertThat(rows.pack()).containsExactly(0, 2, 4);
        assertThat(rows.pairs()).containsExactly(0, 2, 4, 0, 1, 2);
    }

    @Test
    void aPackHasOneOfFewLengthsIfProductsAreCompiled() {
        int[][] slots =
                IntStream.range(0, 19).mapToObj(slot -> new int[] {slot}).toArray(int[][]::new);
        RowAdapters rows = RowAdapters.of(slots, slot -> 8, false, true);
        assertThat(rows.pack()).hasSize(20).startsWith(0, 1, 2).endsWith(0);
        assertThat(rows.places()).isEqualTo(20);
        assertThat(rows.inOrder()).isFalse();
    }

    /** Decode rows of the base, of one adapter and of several, and chunks between them. */
    @ParameterizedTest
    @CsvSource({"LLAMA, 1, FLOAT32, 1e-5", "QWEN3, 2, FLOAT32, 1e-5", "LLAMA, 1, BFLOAT16, 0.02"})
    void eachRowGetsWhatItGetsAlone(TinyModel.Variant variant, int threads, Dtype dtype, double tolerance)
            throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        int[][] users = new int[ROWS][];
        Arrays.setAll(
                users,
                row -> random.ints(random.nextInt(4), 0, ADAPTERS).distinct().toArray());
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(dtype, threads, ROWS, ADAPTERS))) {
            for (int slot = 0; slot < ADAPTERS; slot++) {
                device.putAdapter(
                        slot,
                        TinyAdapters.mixedRanks(
                                tiny.config(), LoraConfig.allLinears(), 1 + random.nextInt(8), random.nextLong()));
            }
            int vocab = tiny.config().vocab();
            List<Segment> segments = new ArrayList<>();
            for (int row = 0; row < ROWS; row++) {
                int[] tokens = Devices.tokens(random, row % 5 == 4 ? 2 + random.nextInt(20) : 1, vocab);
                segments.add(Devices.segment(row, 0, tokens, users[row], Devices.scored(device)));
            }
            List<Draw> alone = segments.stream()
                    .map(segment -> Devices.run(device, segment).draws().get(0))
                    .toList();
            List<Draw> together =
                    Devices.run(device, segments.toArray(Segment[]::new)).draws();
            for (int row = 0; row < ROWS; row++) {
                float[] expected = Devices.byToken(alone.get(row));
                float[] found = Devices.byToken(together.get(row));
                double difference = 0;
                double norm = 0;
                for (int token = 0; token < vocab; token++) {
                    difference += Math.pow(found[token] - expected[token], 2);
                    norm += Math.pow(expected[token], 2);
                }
                assertThat(Math.sqrt(difference / norm))
                        .as("error of row %d with %s", row, Arrays.toString(users[row]))
                        .isLessThan(tolerance);
            }
        }
    }
}
