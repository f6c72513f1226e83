package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs.Segment;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.decoder.RowAdapters.Gathered;
import io.tandem.kernels.decoder.RowAdapters.Pair;
import io.tandem.kernels.decoder.RowAdapters.Run;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
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
        RowAdapters rows = RowAdapters.of(slots, slot -> true);
        assertThat(rows.runs()).containsExactly(new Run(3, 0, 12), new Run(1, 0, 12));
        assertThat(rows.pairs()).isEmpty();
        assertThat(RowAdapters.of(new int[][] {{5}}, slot -> true).runs()).containsExactly(new Run(5, 0, 1));
    }

    @Test
    void otherRowsArePairedInTheirOrder() {
        RowAdapters rows = RowAdapters.of(new int[][] {{4}, {}, {2, 4}, {9}}, slot -> slot != 9);
        assertThat(rows.runs()).isEmpty();
        assertThat(rows.pairs()).containsExactly(new Pair(0, 4), new Pair(2, 2), new Pair(2, 4));
        assertThat(rows.slots()).containsExactly(4, 2);
    }

    @Test
    void manyRowsOfAnAdapterThatLieApartAreMultipliedTogether() {
        int[][] slots = new int[17][];
        Arrays.setAll(slots, row -> new int[] {row % 2});
        slots[16] = new int[] {0, 2};
        RowAdapters rows = RowAdapters.of(slots, slot -> true);
        assertThat(rows.gathered())
                .containsExactly(
                        new Gathered(0, List.of(0, 2, 4, 6, 8, 10, 12, 14, 16)),
                        new Gathered(1, List.of(1, 3, 5, 7, 9, 11, 13, 15)));
        assertThat(rows.pairs()).containsExactly(new Pair(16, 2));
    }

    /** Of the tables of two slots with room for 4 ranks each, of which 2 lie side by side. */
    @Test
    void aBagHasTheRanksOfItsRowThatChangeItsColumns() {
        BitSet[][] own = {
            {BitSet.valueOf(new long[] {0b101}), new BitSet()}, {new BitSet(), BitSet.valueOf(new long[] {0b10})}
        };
        BagNumbers bags = BagNumbers.of(
                List.of(new Pair(0, 1), new Pair(2, 0), new Pair(2, 1)),
                new BagNumbers.Tables(2, 4, 2, 16),
                slot -> own[slot]);
        assertThat(bags.rows()).isEqualTo(3);
        assertThat(bags.sources()).containsExactly(0, 2, 2, 2);
        assertThat(bags.groups()).containsExactly(2, 0, 1, 2);
        assertThat(bags.starts()).containsExactly(0, 0, 1, 1, 1, 3);
        assertThat(bags.taken()).containsExactly(1, 2, 4, 7);
        assertThat(bags.up()).containsExactly(2 * (4 + 1) + 1, 0, 2 * 2, 2 * (4 + 1) + 1);
        assertThat(bags.firsts()).containsExactly(0, 2, 6);
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
                assertThat(error(alone.get(row), together.get(row)))
                        .as("error of row %d with %s", row, Arrays.toString(users[row]))
                        .isLessThan(tolerance);
            }
        }
    }

    /** Of the norm of the first's log-probabilities. */
    private static double error(Draw alone, Draw together) {
        return RelativeError.of(Devices.byToken(alone), Devices.byToken(together));
    }

    /**
     * Ten decode rows share an adapter and lie between others, each of which has its own and some a second one. Then all slots
     * get adapters of other forms, with other ranks, and the same rows find those.
     */
    @ParameterizedTest
    @CsvSource({"LLAMA, FLOAT32, 1e-5", "BIASES, FLOAT32, 1e-5", "LLAMA, BFLOAT16, 0.02"})
    void rowsFindWhatIsInTheSlotsNow(TinyModel.Variant variant, Dtype dtype, double tolerance) throws IOException {
        TinyModel tiny = TinyModel.of(variant, random.nextLong());
        List<Form> forms = List.of(Form.LORA, Form.BIASED, Form.SERIES, Form.SVFIT, Form.DORA, Form.SUM, Form.IA3);
        try (TorchScriptDecoder device = Devices.load(tiny, Devices.limits(dtype, 1, ROWS, ADAPTERS))) {
            for (int first = 0; first < forms.size(); first++) {
                for (int slot = 0; slot < ADAPTERS; slot++) {
                    Form form = forms.get((first + slot) % forms.size());
                    device.putAdapter(
                            slot, form.random(tiny.config(), random.nextLong()).served());
                }
                Segment[] rows = new Segment[ROWS];
                for (int row = 0; row < ROWS; row++) {
                    int own = 1 + row / 2 % (ADAPTERS - 1);
                    int[] used = row % 2 == 0 ? new int[] {0} : row % 6 == 1 ? new int[] {own, 0} : new int[] {own};
                    int[] token = Devices.tokens(random, 1, tiny.config().vocab());
                    rows[row] = Devices.segment(row, 0, token, used, Devices.scored(device));
                }
                List<Draw> together = Devices.run(device, rows).draws();
                for (int row = 0; row < ROWS; row++) {
                    Draw alone = Devices.run(device, rows[row]).draws().get(0);
                    assertThat(error(alone, together.get(row)))
                            .as("error of row %d, seed %d", row, seeded.seed())
                            .isLessThan(tolerance);
                }
            }
        }
    }
}
