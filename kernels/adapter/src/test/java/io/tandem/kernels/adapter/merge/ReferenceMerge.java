package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;

/** The methods as their papers and PEFT's documentation say them, in double precision, by sorting and plain loops. */
final class ReferenceMerge {
    private ReferenceMerge() {}

    /** {@code scaling * B A}. */
    static double[] change(LowRank factors) {
        double[] change = new double[factors.outputs() * factors.inputs()];
        for (int row = 0; row < factors.outputs(); row++) {
            for (int column = 0; column < factors.inputs(); column++) {
                double sum = 0;
                for (int r = 0; r < factors.rank(); r++) {
                    sum += (double) factors.b()[row * factors.rank() + r]
                            * (double) factors.a()[r * factors.inputs() + column];
                }
                change[row * factors.inputs() + column] = factors.scaling() * sum;
            }
        }
        return change;
    }

    static SortedMap<Site, double[]> changes(Adapter adapter) {
        SortedMap<Site, double[]> changes = new TreeMap<>();
        adapter.factors().forEach((site, factors) -> changes.put(site, change(factors)));
        return changes;
    }

    /** The same stack of changes for all adapters: zeros where an adapter has no such module. */
    static SortedMap<Site, List<double[]>> stacks(List<Adapter> adapters) {
        TreeSet<Site> sites = new TreeSet<>();
        adapters.forEach(adapter -> sites.addAll(adapter.factors().keySet()));
        SortedMap<Site, List<double[]>> stacks = new TreeMap<>();
        for (Site site : sites) {
            int length = adapters.stream()
                    .filter(adapter -> adapter.factors().containsKey(site))
                    .mapToInt(adapter -> change(adapter.factors().get(site)).length)
                    .max()
                    .orElseThrow();
            List<double[]> stack = new ArrayList<>();
            for (Adapter adapter : adapters) {
                LowRank factors = adapter.factors().get(site);
                stack.add(factors == null ? new double[length] : change(factors));
            }
            stacks.put(site, stack);
        }
        return stacks;
    }

    static double[] sum(List<double[]> stack, double... weights) {
        double[] sum = new double[stack.get(0).length];
        for (int t = 0; t < stack.size(); t++) {
            for (int i = 0; i < sum.length; i++) {
                sum[i] += weights[t] * stack.get(t)[i];
            }
        }
        return sum;
    }

    /** Keeps exactly {@code int(density * length)} entries. */
    static double[] trim(double[] tensor, double density) {
        int kept = (int) (density * tensor.length);
        double[] trimmed = new double[tensor.length];
        IntStream.range(0, tensor.length)
                .boxed()
                .sorted((i, j) -> Double.compare(Math.abs(tensor[j]), Math.abs(tensor[i])))
                .limit(kept)
                .forEach(i -> trimmed[i] = tensor[i]);
        return trimmed;
    }

    static List<double[]> trim(List<double[]> stack, double density) {
        return stack.stream().map(tensor -> trim(tensor, density)).toList();
    }

    /** PEFT's {@code calculate_majority_sign_mask} and {@code disjoint_merge}. */
    static double[] electAndMerge(List<double[]> stack, boolean byTotal, double... weights) {
        double[] merged = new double[stack.get(0).length];
        for (int i = 0; i < merged.length; i++) {
            double votes = 0;
            for (double[] tensor : stack) {
                votes += byTotal ? tensor[i] : Math.signum(tensor[i]);
            }
            double majority = votes >= 0 ? 1 : -1;
            double preserved = 0;
            for (int t = 0; t < stack.size(); t++) {
                if (Math.signum(stack.get(t)[i]) == majority) {
                    merged[i] += weights[t] * stack.get(t)[i];
                    preserved++;
                }
            }
            merged[i] /= Math.max(1, preserved);
        }
        return merged;
    }

    /** PCB-Merging on flat vectors, one per adapter. */
    static double[] compete(List<double[]> vectors, double ratio, double... weights) {
        int n = vectors.size();
        int length = vectors.get(0).length;
        double[][] clipped = new double[n][length];
        double[][] normed = new double[n][length];
        for (int t = 0; t < n; t++) {
            double[] sorted =
                    Arrays.stream(vectors.get(t)).map(Math::abs).sorted().toArray();
            double low = sorted[(int) (length * 0.01)];
            double high = sorted[(int) (length * 0.99) - 1];
            for (int i = 0; i < length; i++) {
                double sign = Math.signum(vectors.get(t)[i]);
                double magnitude = Math.max(low, Math.min(high, Math.abs(vectors.get(t)[i])));
                clipped[t][i] = sign * magnitude;
                normed[t][i] = sign * (magnitude - low) / (high - low);
            }
        }
        double[][] shares = new double[n][length];
        for (int t = 0; t < n; t++) {
            for (int i = 0; i < length; i++) {
                double inter = 0;
                for (int other = 0; other < n; other++) {
                    inter += Math.tanh(normed[t][i] * normed[other][i]);
                }
                shares[t][i] = Math.exp(n * normed[t][i] * normed[t][i]) * inter;
            }
            double[] sorted = shares[t].clone();
            Arrays.sort(sorted);
            double limit = sorted[Math.min(length - 1, (int) (length * (1 - ratio)))];
            double best = sorted[length - 1];
            for (int i = 0; i < length; i++) {
                shares[t][i] = (Math.max(shares[t][i], limit) - limit) / (best - limit);
            }
        }
        double[] merged = new double[length];
        for (int i = 0; i < length; i++) {
            double total = 0;
            for (int t = 0; t < n; t++) {
                merged[i] += weights[t] * shares[t][i] * clipped[t][i];
                total += shares[t][i];
            }
            merged[i] /= Math.max(total, 1e-12);
        }
        return merged;
    }
}
