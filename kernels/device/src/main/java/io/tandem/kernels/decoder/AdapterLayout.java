package io.tandem.kernels.decoder;

import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.LowRank;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.decoder.OptimizerLayout.Factor;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.JoinedLinear;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Where the modules of an adapter lie in the banks of {@code adapter/low_rank.py}: one bank for each joined linear of
 * each layer, the parts of a joined linear one after the other in the bank's ranks.
 */
final class AdapterLayout {
    private final ModelConfig model;
    /** The joined linears of a layer, in the order in which the TorchScript sources number them. */
    private final List<JoinedLinear> linears;

    AdapterLayout(ModelConfig model) {
        this.model = model;
        this.linears = model.linears();
    }

    List<JoinedLinear> linears() {
        return linears;
    }

    /** One module in its bank: its first rank and its first output column there. */
    record Part(int bank, int row, int column, Site site, LowRank factors) {}

    int banks() {
        return model.layers() * linears.size();
    }

    int inputs(int bank) {
        return linear(bank).inputs(model);
    }

    int outputs(int bank) {
        return linear(bank).outputs(model);
    }

    private JoinedLinear linear(int bank) {
        return linears.get(bank % linears.size());
    }

    /** The parts of a bank that the adapter changes. */
    List<Part> parts(Adapter adapter, int bank) {
        List<Part> parts = new ArrayList<>();
        int row = 0;
        int column = 0;
        for (TargetModule module : linear(bank).modules()) {
            Site site = new Site(bank / linears.size(), module, linear(bank).expert());
            @Nullable LowRank factors = adapter.modules().get(site);
            if (factors != null) {
                parts.add(new Part(bank, row, column, site, factors));
                row += factors.rank();
            }
            column += module.outputs(model);
        }
        return parts;
    }

    int ranks(Adapter adapter, int bank) {
        return parts(adapter, bank).stream()
                .mapToInt(part -> part.factors().rank())
                .sum();
    }

    /** The most ranks that the adapter uses in any layer, for each joined linear. */
    int[] ranksByLinear(Adapter adapter) {
        int[] most = new int[linears.size()];
        for (int bank = 0; bank < banks(); bank++) {
            int linear = bank % linears.size();
            most[linear] = Math.max(most[linear], ranks(adapter, bank));
        }
        return most;
    }

    /** A of a bank, {@code [ranks, inputs]}. */
    float[] joinedA(Adapter adapter, int bank) {
        float[] joined = new float[ranks(adapter, bank) * inputs(bank)];
        for (Part part : parts(adapter, bank)) {
            System.arraycopy(
                    part.factors().a(),
                    0,
                    joined,
                    part.row() * inputs(bank),
                    part.factors().a().length);
        }
        return joined;
    }

    /** The factors in the order of {@link #flatten}. */
    List<Factor> factors(Adapter adapter) {
        List<Factor> factors = new ArrayList<>();
        for (int bank = 0; bank < banks(); bank++) {
            List<Part> parts = parts(adapter, bank);
            parts.forEach(part -> factors.add(new Factor(part.factors().a().length, false)));
            parts.forEach(part -> factors.add(new Factor(part.factors().b().length, true)));
        }
        return factors;
    }

    /** All factors in one vector: for each bank its A, then the transposed B of each part. */
    float[] flatten(Adapter adapter) {
        int length = adapter.modules().values().stream()
                .mapToInt(factors -> factors.a().length + factors.b().length)
                .sum();
        float[] flat = new float[length];
        int at = 0;
        for (int bank = 0; bank < banks(); bank++) {
            float[] a = joinedA(adapter, bank);
            System.arraycopy(a, 0, flat, at, a.length);
            at += a.length;
            for (Part part : parts(adapter, bank)) {
                LowRank factors = part.factors();
                transpose(factors.b(), 0, factors.outputs(), factors.rank(), flat, at);
                at += factors.b().length;
            }
        }
        return flat;
    }

    /** The adapter whose factors {@link #flatten} would lay out like this; shapes and scalings are those of the like. */
    Adapter unflatten(float[] flat, Adapter like) {
        SortedMap<Site, LowRank> modules = new TreeMap<>();
        int at = 0;
        for (int bank = 0; bank < banks(); bank++) {
            int start = at;
            at += ranks(like, bank) * inputs(bank);
            for (Part part : parts(like, bank)) {
                LowRank old = part.factors();
                float[] a = new float[old.a().length];
                System.arraycopy(flat, start + part.row() * old.inputs(), a, 0, a.length);
                float[] b = new float[old.b().length];
                transpose(flat, at, old.rank(), old.outputs(), b, 0);
                at += b.length;
                modules.put(part.site(), new LowRank(old.rank(), old.inputs(), old.outputs(), a, b, old.scaling()));
            }
        }
        return new Adapter(like.config(), modules);
    }

    private static void transpose(float[] from, int fromStart, int rows, int columns, float[] to, int toStart) {
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                to[toStart + column * rows + row] = from[fromStart + row * columns + column];
            }
        }
    }

    /**
     * See {@link io.tandem.kernels.DeviceModel#prepare}.
     *
     * @throws IllegalArgumentException naming the first module that the model does not have like this
     */
    PreparedAdapter prepare(Adapter adapter, int maxRank, Dtype dtype) {
        check(adapter, maxRank, dtype);
        SortedMap<Site, float[]> scaled = new TreeMap<>();
        adapter.modules().forEach((site, factors) -> {
            float[] b = new float[factors.b().length];
            transpose(factors.b(), 0, factors.outputs(), factors.rank(), b, 0);
            for (int i = 0; i < b.length; i++) {
                b[i] = factors.scaled(b[i]);
            }
            scaled.put(site, b);
        });
        return new PreparedAdapter(adapter, scaled);
    }

    private void check(Adapter adapter, int maxRank, Dtype dtype) {
        if (adapter.modules().isEmpty()) {
            throw new IllegalArgumentException("the adapter changes no module");
        }
        Set<Site> sites = new HashSet<>(Site.all(model));
        adapter.modules().forEach((site, factors) -> {
            int inputs = site.module().inputs(model);
            int outputs = site.module().outputs(model);
            if (site.layer() < 0 || site.layer() >= model.layers()) {
                throw new IllegalArgumentException(site + " is not in a model of " + model.layers() + " layers");
            }
            if (!sites.contains(site)) {
                throw new IllegalArgumentException(
                        site + " is not a linear of this model, which has " + model.moduleNames());
            }
            if (factors.inputs() != inputs || factors.outputs() != outputs) {
                throw new IllegalArgumentException(site + " is [" + factors.outputs() + ", " + factors.inputs()
                        + "], expected [" + outputs + ", " + inputs + "]");
            }
            if (factors.rank() > maxRank) {
                throw new IllegalArgumentException(
                        site + " has rank " + factors.rank() + ", kernels.max-rank is " + maxRank);
            }
        });
        adapter.requireFinite(dtype);
    }
}
