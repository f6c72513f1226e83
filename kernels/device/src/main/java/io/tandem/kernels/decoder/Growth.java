package io.tandem.kernels.decoder;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.decoder.AdapterLayout.Placed;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.decoder.ScriptObjects.TraineeObject;
import io.tandem.kernels.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The ranks of a trainee's modules as its optimizer sees them. What comes with one growth is a factor of its own there, with a
 * clock that runs when its ranks are there: from then on it learns, as if the optimizer had begun with that step.
 */
final class Growth {
    /** Numbers of a parameter that learn from the same step on, up to a rank. */
    private record Piece(Placed placed, int toRank) {}

    private final List<Factor> factors = new ArrayList<>();
    /** Those of the clocks from 1 on; all other factors follow the first. */
    private final List<Piece> pieces = new ArrayList<>();

    private final List<Placed> cores = new ArrayList<>();
    private final SortedMap<Site, Double> importance = new TreeMap<>();

    /**
     * @param parameters in the order of the vector
     * @param layered whether the layers of an adapter that does not grow have a clock each
     */
    Growth(List<Placed> parameters, boolean layered) {
        for (Placed placed : parameters) {
            if (placed.is(Core.E)) {
                cores.add(placed);
            }
            if (placed.part().change() instanceof Core core && core.grows()) {
                add(placed, core);
            } else {
                int clock = layered ? placed.part().site().layer() : 0;
                factors.add(new Factor(placed.parameter().name(), placed.length(), placed.length(), clock));
            }
        }
    }

    private void add(Placed placed, Core core) {
        int room = core.outer().rank();
        int from = 0;
        for (int to = core.ranks().first(); to <= room; to += core.ranks().step()) {
            int length = placed.isFullCore() ? to * to - from * from : (to - from) * (placed.length() / room);
            pieces.add(new Piece(placed, to));
            factors.add(new Factor(placed.parameter().name(), length, placed.length(), pieces.size()));
            from = to;
        }
    }

    /** Whether there are ranks that grow. */
    boolean any() {
        return !pieces.isEmpty();
    }

    /** @param last further factors, at the end of the vector */
    List<Factor> factors(List<Factor> last) {
        return Stream.concat(factors.stream(), last.stream()).toList();
    }

    /** Whether the factors of a clock learn at the ranks that the adapter has now. */
    boolean runs(Adapter adapter, int clock) {
        if (clock == 0) {
            return true;
        }
        Piece piece = pieces.get(clock - 1);
        Change change = Objects.requireNonNull(
                adapter.modules().get(piece.placed().part().site()));
        return change instanceof Core core
                && piece.toRank()
                        <= (piece.placed().is(Core.E)
                                ? core.ranks().used()
                                : core.ranks().present());
    }

    /** Reads what the last step measured, if there is anything. */
    void measured(DecoderScript script, TensorScope call, TraineeObject trainee, double lossScale) {
        if (any()) {
            float[] values = script.importance(call, trainee);
            for (int i = 0; i < values.length; i++) {
                Placed core = cores.get(i);
                // Norms are of weights, all else is of gradients.
                double scale = core.isFullCore() ? 1 : lossScale;
                importance.put(core.part().site(), values[i] * scale);
            }
        }
    }

    /** Of each module with ranks that grow, of the last step; empty before the first. */
    SortedMap<Site, Double> importance() {
        return new TreeMap<>(importance);
    }
}
