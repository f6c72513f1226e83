package io.tandem.kernels.adapter.merge;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What to merge how.
 *
 * @param method how adapters are combined
 * @param form what the method works on
 * @param weights one per adapter; empty means 1 each. An adapter of weight 0 takes no part, not even in a vote
 * @param density share of the entries that are kept, if the method prunes; PCB-Merging's ratio
 * @param majoritySign how signs are elected, if the method elects
 * @param seed of random pruning
 * @param truncation how far the result is simplified
 * @param layerSwap the zones, if the method is {@code layer_swap}
 */
public record MergeSpec(
        MergeMethod method,
        MergeForm form,
        List<Double> weights,
        OptionalDouble density,
        MajoritySign majoritySign,
        long seed,
        Truncation truncation,
        Optional<LayerSwap> layerSwap) {

    public MergeSpec {
        weights = List.copyOf(weights);
        checkForm(method, form, truncation);
        checkDensity(method, density);
        for (double weight : weights) {
            if (!Double.isFinite(weight)) {
                throw new IllegalArgumentException("weights has " + weight + ", expected finite numbers");
            }
        }
        if (!weights.isEmpty() && weights.stream().allMatch(weight -> weight == 0)) {
            throw new IllegalArgumentException("weights are all 0, expected at least one that is not");
        }
        if (layerSwap.isPresent() != (method == MergeMethod.LAYER_SWAP)) {
            throw new IllegalArgumentException(
                    layerSwap.isPresent()
                            ? "layers to swap are given, " + method.label() + " takes none"
                            : "layers to swap are missing, layer_swap needs them");
        }
    }

    /** A method that keeps every entry, with defaults. */
    public static MergeSpec of(MergeMethod method) {
        return of(method, OptionalDouble.empty(), Optional.empty());
    }

    /** A method that keeps a share of the entries, with defaults. */
    public static MergeSpec of(MergeMethod method, double density) {
        return of(method, OptionalDouble.of(density), Optional.empty());
    }

    /** Layer swapping, with defaults. */
    public static MergeSpec of(LayerSwap layers) {
        return of(MergeMethod.LAYER_SWAP, OptionalDouble.empty(), Optional.of(layers));
    }

    private static MergeSpec of(MergeMethod method, OptionalDouble density, Optional<LayerSwap> layers) {
        return new MergeSpec(
                method, MergeForm.PRODUCT, List.of(), density, MajoritySign.TOTAL, 0, Truncation.NONE, layers);
    }

    public MergeSpec withForm(MergeForm other) {
        return new MergeSpec(method, other, weights, density, majoritySign, seed, truncation, layerSwap);
    }

    public MergeSpec withWeights(List<Double> others) {
        return new MergeSpec(method, form, others, density, majoritySign, seed, truncation, layerSwap);
    }

    public MergeSpec withMajoritySign(MajoritySign other) {
        return new MergeSpec(method, form, weights, density, other, seed, truncation, layerSwap);
    }

    public MergeSpec withSeed(long other) {
        return new MergeSpec(method, form, weights, density, majoritySign, other, truncation, layerSwap);
    }

    public MergeSpec withTruncation(Truncation other) {
        return new MergeSpec(method, form, weights, density, majoritySign, seed, other, layerSwap);
    }

    /** The weight of one of the adapters. */
    double weight(int adapter) {
        return weights.isEmpty() ? 1 : weights.get(adapter);
    }

    private static void checkForm(MergeMethod method, MergeForm form, Truncation truncation) {
        if (form == MergeForm.FACTORS && !method.factorwise()) {
            throw new IllegalArgumentException("the form is 'factors', " + method.label() + " only has 'product'");
        }
        if (form == MergeForm.FACTORS && !truncation.equals(Truncation.NONE)) {
            throw new IllegalArgumentException("the form is 'factors', which keeps the rank and cannot be truncated");
        }
    }

    private static void checkDensity(MergeMethod method, OptionalDouble density) {
        if (method.prunes() && density.isEmpty()) {
            throw new IllegalArgumentException("density is missing, " + method.label() + " needs one");
        }
        if (density.isEmpty()) {
            return;
        }
        if (!method.prunes()) {
            throw new IllegalArgumentException("density is given, " + method.label() + " takes none");
        }
        double share = density.getAsDouble();
        if (!(share > 0 && share <= 1)) {
            throw new IllegalArgumentException("density is " + share + ", expected above 0, up to 1");
        }
    }
}
