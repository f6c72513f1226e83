package io.tandem.kernels.adapter.compeft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.compeft.CompressionReport.Candidate;
import io.tandem.kernels.adapter.compeft.CompressionSettings.Scale;
import io.tandem.kernels.adapter.compeft.TernaryAdapter.TernaryLowRank;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;

/**
 * Makes an adapter ternary: ComPEFT (Yadav et al., 2023) on the factors of LoRA.
 *
 * <h2>The task vector</h2>
 *
 * The paper takes what training changed. For LoRA that is A and B as they are, not their distance from the initial
 * values: B starts at zero, and A's initial values act through B, so the product needs them; an imported adapter does
 * not even tell them. But A begins at the size of its initialization and B at zero, and after training the numbers of A
 * were still two to three times larger. Most of the largest numbers of both together are A's, and a product with an
 * almost empty B is almost zero: a density of 0.1 of the whole vector left a relative error of 0.999. Hence each factor
 * keeps the same share of its own numbers, and each module has a scalar of its own, which both factors share because
 * only its square matters.
 * That amounts to balancing the factors' sizes first.
 *
 * <h2>The sweeps</h2>
 *
 * Magnitude says what a number does to its factor; the product is what counts. So after the largest are chosen,
 * coordinate descent sets each sign in turn to what leaves the product's squared error smallest. An entry has to take
 * more than a penalty off the error to stay. The penalty is one for the whole adapter, which spreads the entries over
 * modules by what they gain, and follows the density. No data is needed.
 *
 * <p>Modules are swept in parallel in the fork-join pool that the caller runs in.
 *
 * <p>Components keep their order and their signs. Rotating them to the product's singular vectors first helps
 * magnitude, but hardly changes what the sweeps reach, and adapters that began at the same initial values could no
 * longer be merged factor by factor.
 */
final class Compressor {
    private static final double[] ALPHAS = {0.5, 1, 2, 3, 4, 5, 6, 8, 10};

    /** First penalty in mean energies of an entry. Low, because a component that is emptied never comes back. */
    private static final double FIRST_PENALTY = 1e-3;

    /** After the last sweep the penalty grows at least by this factor until the density holds. */
    private static final double SMALLEST_GROWTH = 1.05;

    /**
     * A ternary adapter.
     *
     * @param alpha its scalar in standard deviations, the mean over modules
     * @param candidates all that were scored, in their order; empty if none was
     */
    record Result(TernaryAdapter adapter, double alpha, List<Candidate> candidates) {}

    private final Adapter adapter;
    private final SortedMap<Site, TernaryFit> fits = new TreeMap<>();

    Compressor(Adapter adapter) {
        this.adapter = adapter;
        adapter.factors().forEach((site, module) -> fits.put(site, new TernaryFit(module)));
    }

    Result compress(CompressionSettings settings) {
        fits.values().forEach(fit -> fit.keepLargest(settings.density()));
        if (settings.sweeps() > 0) {
            sweep(fits.values(), settings);
        }
        if (settings.scale() instanceof Scale.Fixed fixed) {
            return scaled(fit -> fixed.alpha() * fit.deviation());
        }
        Result closest = scaled(TernaryFit::bestScale);
        return settings.scale() instanceof Scale.Validated validated ? best(closest, validated.score()) : closest;
    }

    private static void sweep(Collection<TernaryFit> fits, CompressionSettings settings) {
        double length = 0;
        double energy = 0;
        for (TernaryFit fit : fits) {
            length += fit.length();
            energy += fit.energy();
        }
        double allowed = Math.max(1, settings.density() * length);
        // Products that cancel out have no energy, and a penalty of zero could not grow.
        double penalty = Math.max(Double.MIN_NORMAL, FIRST_PENALTY * energy / allowed);
        double excess = 1;
        for (int sweep = 0; sweep < settings.sweeps() || excess > 1; sweep++) {
            double least = sweep < settings.sweeps() ? 0.25 : SMALLEST_GROWTH;
            penalty *= Math.min(Math.max(excess, least), 4);
            double own = penalty;
            fits.parallelStream().forEach(fit -> fit.sweep(own));
            excess = fits.stream().mapToInt(TernaryFit::kept).sum() / allowed;
        }
    }

    private Result best(Result closest, ToDoubleFunction<Adapter> score) {
        Result best = closest;
        double bestScore = score.applyAsDouble(closest.adapter().decode());
        List<Candidate> candidates = new ArrayList<>(List.of(new Candidate(OptionalDouble.empty(), bestScore)));
        for (double alpha : ALPHAS) {
            Result candidate = scaled(fit -> alpha * fit.deviation());
            double candidateScore = score.applyAsDouble(candidate.adapter().decode());
            candidates.add(new Candidate(OptionalDouble.of(alpha), candidateScore));
            if (candidateScore > bestScore || Double.isNaN(bestScore)) {
                best = candidate;
                bestScore = candidateScore;
            }
        }
        return new Result(best.adapter(), best.alpha(), candidates);
    }

    private Result scaled(ToDoubleFunction<TernaryFit> scale) {
        SortedMap<Site, TernaryLowRank> modules = new TreeMap<>();
        fits.forEach((site, fit) -> modules.put(site, fit.result(scale.applyAsDouble(fit))));
        double alpha = fits.values().stream()
                .filter(fit -> fit.kept() > 0)
                .mapToDouble(fit -> scale.applyAsDouble(fit) / fit.deviation())
                .average()
                .orElse(0);
        return new Result(new TernaryAdapter(adapter.lora(), modules), alpha, List.of());
    }
}
