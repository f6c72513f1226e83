package io.tandem.kernels.decoder;

import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.Core.Ranks;
import io.tandem.kernels.adapter.Core.Shape;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.adapter.SingularValues;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/** Cores and singular values as autograd knows them: cores without room for more ranks, all of whose numbers learn. */
final class CoreReference {
    private CoreReference() {}

    static Adapter of(Adapter adapter) {
        SortedMap<Site, Change> modules = new TreeMap<>();
        adapter.modules().forEach((site, change) -> modules.put(site, of(change)));
        return adapter.with(modules);
    }

    private static Change of(Change change) {
        if (change instanceof SingularValues own) {
            return new Core(own.vectors(), Shape.DIAGONAL, own.changes(), Ranks.all(own.rank()));
        }
        if (change instanceof Core core) {
            int present = core.ranks().present();
            LowRank outer = core.outer().first(present, core.outer().scaling());
            return new Core(outer, core.shape(), block(core, present), Ranks.all(present));
        }
        if (change instanceof SingleWeights own) {
            return dense(own);
        }
        return change.served();
    }

    /** The change as one product, D times the identity. */
    private static LowRank dense(SingleWeights own) {
        int inputs = own.inputs();
        float[] identity = new float[inputs * inputs];
        for (int i = 0; i < inputs; i++) {
            identity[i * (inputs + 1)] = 1;
        }
        float[] all = new float[own.outputs() * inputs];
        for (int i = 0; i < own.count(); i++) {
            all[own.places()[i]] = own.values()[i];
        }
        return new LowRank(inputs, inputs, own.outputs(), identity, all, 1);
    }

    private static float[] block(Core core, int ranks) {
        float[] block = new float[core.shape().numbers(ranks)];
        for (int i = 0; i < block.length; i++) {
            boolean full = core.shape() == Shape.FULL;
            block[i] = core.core()[full ? i / ranks * core.rank() + i % ranks : i];
        }
        return block;
    }

    /** The same ranks with the numbers of a checkpoint. */
    static Adapter resumed(Adapter like, OptimizerState state) {
        SortedMap<Site, Change> modules = new TreeMap<>();
        like.modules()
                .forEach((site, change) -> modules.put(
                        site,
                        change.with(change.parameters().stream()
                                .map(p -> state.numbers(site, p.name()))
                                .toList())));
        return new Adapter(like.config(), modules, like.prefix());
    }

    /** A gradient of {@link #of}, where what does not take part has none. */
    static Adapter gradient(Adapter gradient, Adapter like) {
        SortedMap<Site, Change> modules = new TreeMap<>();
        like.modules().forEach((site, change) -> {
            Change own = Objects.requireNonNull(gradient.modules().get(site));
            modules.put(site, gradient(own, change));
        });
        return like.with(modules, gradient.prefix()).withFull(gradient.full());
    }

    private static Change gradient(Change gradient, Change like) {
        if (like instanceof SingularValues own) {
            return own.with(List.of(((Core) gradient).core()));
        }
        if (like instanceof SingleWeights own) {
            float[] all = ((LowRank) gradient).b();
            float[] picked = new float[own.count()];
            for (int i = 0; i < picked.length; i++) {
                picked[i] = all[own.places()[i]];
            }
            return own.with(List.of(picked));
        }
        if (!(like instanceof Core core)) {
            return gradient;
        }
        Core own = (Core) gradient;
        int ranks = own.rank();
        float[] a = new float[core.outer().a().length];
        System.arraycopy(own.outer().a(), 0, a, 0, own.outer().a().length);
        float[] b = new float[core.outer().b().length];
        for (int i = 0; i < own.outer().b().length; i++) {
            b[i / ranks * core.rank() + i % ranks] = own.outer().b()[i];
        }
        float[] c = new float[core.core().length];
        for (int i = 0; i < own.core().length; i++) {
            c[own.shape() == Shape.FULL ? i / ranks * core.rank() + i % ranks : i] = own.core()[i];
        }
        return core.with(List.of(a, b, c));
    }
}
