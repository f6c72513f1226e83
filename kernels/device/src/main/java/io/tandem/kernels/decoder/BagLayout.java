package io.tandem.kernels.decoder;

import io.tandem.kernels.RowTables;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.decoder.AdapterLayout.Part;
import io.tandem.kernels.decoder.BagNumbers.Tables;
import io.tandem.kernels.model.JoinedLinear;
import io.tandem.kernels.model.ModelConfig;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/** Which numbers of a slot a row is multiplied with, if it is multiplied alone. */
final class BagLayout {
    private final ModelConfig model;
    private final AdapterLayout layout;
    private final List<JoinedLinear> linears;
    private final int maxRank;

    BagLayout(ModelConfig model, AdapterLayout layout, int maxRank) {
        this.model = model;
        this.layout = layout;
        this.linears = layout.linears();
        this.maxRank = maxRank;
    }

    /** Whether rows go through linears that a router chooses. */
    boolean routed() {
        return model.experts().isPresent();
    }

    int linears() {
        return linears.size();
    }

    Tables tables(int linear) {
        int modules = linears.get(linear).modules().size();
        int width = RowTables.blockWidth(model, linears.get(linear));
        return new Tables(
                modules * RowTables.group(maxRank),
                modules * maxRank,
                linears.get(linear).outputs(model) / width,
                width);
    }

    Tables tablesOfBottlenecks() {
        return new Tables(RowTables.group(1 + maxRank), 1 + maxRank, 1, model.hidden());
    }

    /** The ranks that change a block of columns in any layer, for each joined linear and block. */
    BitSet[][] ranks(Adapter adapter) {
        BitSet[][] ranks = new BitSet[linears.size()][];
        for (int linear = 0; linear < ranks.length; linear++) {
            ranks[linear] = new BitSet[tables(linear).blocks()];
            Arrays.setAll(ranks[linear], block -> new BitSet());
        }
        for (int bank = 0; bank < layout.banks(); bank++) {
            int linear = bank % linears.size();
            int width = RowTables.blockWidth(model, linears.get(linear));
            for (Part part : layout.parts(adapter, bank)) {
                Change change = part.change();
                int end = (part.column() + change.outputs()) / width;
                for (int block = part.column() / width; block < end; block++) {
                    BitSet own = ranks[linear][block];
                    own.set(part.row(), part.row() + change.learning());
                    own.set(part.frozenRow(), part.frozenRow() + change.slotRanks() - change.learning());
                }
            }
        }
        return ranks;
    }

    /**
     * The bottlenecks of an adapter, which are of one kind.
     *
     * @param rows that any layer has in attention, and in the MLP: the bias of U, then as many as it is wide
     */
    record Narrow(Bottleneck.Kind kind, List<BitSet> rows) {}

    /** Empty if the adapter has none. */
    Optional<Narrow> narrow(Adapter adapter) {
        List<BitSet> rows = List.of(new BitSet(), new BitSet());
        Optional<Narrow> narrow = Optional.empty();
        for (Part part : layout.blocks(adapter)) {
            if (part.change() instanceof Bottleneck own) {
                rows.get(part.bank() % 2).set(0, 1 + own.width());
                narrow = Optional.of(new Narrow(own.kind(), rows));
            }
        }
        return narrow;
    }
}
