package io.tandem.kernels.decoder;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.decoder.AdapterLayout.Placed;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.decoder.ScriptObjects.TraineeObject;
import io.tandem.kernels.tensor.TensorScope;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The ranks of a trainee's modules as its optimizer sees them. What comes with one growth is a factor of its own there, which
 * is born when its ranks are: from then on it learns, as if the optimizer had begun with that step.
 */
final class Growth {
    /** In a checkpoint: when each factor was born. */
    static final String STATE = "births";

    /** A factor: numbers of a parameter that learn from the same step on. */
    private record Piece(Placed placed, Factor factor, int fromRank, int toRank) {}

    private final List<Piece> pieces = new ArrayList<>();
    private final List<Placed> cores = new ArrayList<>();
    private final SortedMap<Site, Double> importance = new TreeMap<>();
    /** Of each piece, how many steps had been made, -1 if it does not learn. */
    private final int[] born;

    /** @param parameters in the order of the vector */
    Growth(List<Placed> parameters) {
        for (Placed placed : parameters) {
            if (placed.is(Core.E)) {
                cores.add(placed);
            }
            if (placed.part().change() instanceof Core core && core.grows()) {
                add(placed, core);
            } else {
                Factor factor = new Factor(placed.parameter().name(), placed.length());
                pieces.add(new Piece(placed, factor, 0, 0));
            }
        }
        born = new int[pieces.size()];
        for (int i = 0; i < born.length; i++) {
            born[i] = pieces.get(i).factor().apart() ? -1 : 0;
        }
    }

    private void add(Placed placed, Core core) {
        Parameter parameter = placed.parameter();
        int room = core.outer().rank();
        int from = 0;
        for (int to = core.ranks().first(); to <= room; to += core.ranks().step()) {
            boolean full = placed.isFullCore();
            int length = full ? to * to - from * from : (to - from) * (placed.length() / room);
            Factor factor = new Factor(parameter.name(), length, placed.length(), true);
            pieces.add(new Piece(placed, factor, from, to));
            from = to;
        }
    }

    /** Whether there are ranks that grow. */
    boolean any() {
        return pieces.stream().anyMatch(piece -> piece.factor().apart());
    }

    /** @param last further factors, at the end of the vector */
    List<Factor> factors(List<Factor> last) {
        List<Factor> factors =
                new ArrayList<>(pieces.stream().map(Piece::factor).toList());
        factors.addAll(last);
        return factors;
    }

    /**
     * When each factor was born, with those that the ranks of the adapter bring now.
     *
     * @param steps that the optimizer has made
     */
    int[] births(Adapter adapter, int steps) {
        for (int i = 0; i < born.length; i++) {
            Piece piece = pieces.get(i);
            if (piece.factor().apart()
                    && adapter.modules().get(piece.placed().part().site()) instanceof Core core) {
                boolean ofCore = piece.placed().is(Core.E);
                int learning = ofCore ? core.ranks().used() : core.ranks().present();
                if (piece.toRank() > learning) {
                    born[i] = -1;
                } else if (born[i] < 0) {
                    born[i] = steps;
                }
            }
        }
        return born.clone();
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

    byte[] state() {
        ByteBuffer state = ByteBuffer.allocate(born.length * Integer.BYTES);
        state.asIntBuffer().put(born);
        return state.array();
    }

    /** @throws IllegalArgumentException if it is not the state of such an adapter */
    void restore(byte[] state) {
        if (state.length != born.length * Integer.BYTES) {
            throw new IllegalArgumentException(
                    "the births of " + born.length + " factors in " + state.length + " bytes");
        }
        ByteBuffer.wrap(state).asIntBuffer().get(born);
    }
}
