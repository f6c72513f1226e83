package io.tandem.kernels.adapter.merge;

import io.tandem.kernels.adapter.Adapter.Site;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a merge took away from its adapters.
 *
 * @param method the method that was used
 * @param prunedShare entries of the adapters that pruning set to zero; 0 if the method does not prune
 * @param disagreeingShare places where what was left of the adapters had both signs; 0 if the method does not vote
 * @param truncationError Frobenius norm of what was cut off to reach the ranks, relative to that of the whole
 * @param modules the same for each module
 */
public record MergeReport(
        MergeMethod method,
        double prunedShare,
        double disagreeingShare,
        double truncationError,
        SortedMap<Site, Module> modules) {

    /** One module's part; {@code rank} is that of the result. */
    public record Module(int rank, double prunedShare, double disagreeingShare, double truncationError) {}

    public MergeReport {
        modules = Collections.unmodifiableSortedMap(new TreeMap<>(modules));
    }

    static MergeReport of(MergeMethod method, SortedMap<Site, MergedModule> merged) {
        Loss sum = Loss.NONE;
        SortedMap<Site, Module> modules = new TreeMap<>();
        for (var module : merged.entrySet()) {
            Loss loss = module.getValue().loss();
            sum = sum.plus(loss);
            int rank = module.getValue().factors().rank();
            modules.put(
                    module.getKey(),
                    new Module(rank, loss.prunedShare(), loss.disagreeingShare(), loss.truncationError()));
        }
        return new MergeReport(method, sum.prunedShare(), sum.disagreeingShare(), sum.truncationError(), modules);
    }
}
