package io.tandem.server.finetune.request;

import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.FullModules;
import io.tandem.scheduler.finetune.Example;
import io.tandem.server.api.ApiException;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What a job stands on and does not change, as it was when the job was created.
 *
 * @param under below all of its examples, the lowest first
 * @param controls by label, what is below the examples of that label besides
 */
public record FrozenAdapters(List<AdapterVersion> under, SortedMap<String, AdapterVersion> controls) {
    public FrozenAdapters {
        under = List.copyOf(under);
        controls = Collections.unmodifiableSortedMap(new TreeMap<>(controls));
    }

    /**
     * Refuses what an adapter cannot be trained on top of.
     *
     * @throws ApiException naming the field
     */
    public FrozenAdapters requireBelow(PeftMethod method) {
        requireOnce("under", method.fullModules(), under);
        for (AdapterVersion control : controls.values()) {
            requireOnce(
                    "controls",
                    method.fullModules(),
                    Stream.concat(under.stream(), Stream.of(control)).toList());
        }
        boolean virtual = requireBelow("under", under, method.virtualTokens() > 0);
        for (AdapterVersion control : controls.values()) {
            requireBelow("controls", List.of(control), virtual);
        }
        return this;
    }

    private static void requireOnce(String field, Set<FullModule> own, List<AdapterVersion> stack) {
        FullModules.twice(own, stack).ifPresent(module -> {
            throw ApiException.invalid(
                    field,
                    "'" + field + "' would stack several adapters that have " + module.label()
                            + " in full (modules_to_save); one of a stack may.");
        });
    }

    /**
     * @param virtual whether there is an adapter with virtual tokens already
     * @return whether there is one now
     */
    private static boolean requireBelow(String field, List<AdapterVersion> adapters, boolean virtual) {
        boolean taken = virtual;
        for (AdapterVersion version : adapters) {
            String named = "'" + field + "' has '" + version.name() + "', ";
            if (version.adapter().invocation().isPresent()) {
                throw ApiException.invalid(
                        field,
                        named + "which acts from its invocation tokens on; what lies below a trained adapter acts on"
                                + " whole texts.");
            }
            if (taken && version.adapter().virtualTokens() > 0) {
                throw ApiException.invalid(
                        field,
                        named + "whose virtual tokens would come beside others; one adapter of a stack may have some.");
            }
            taken |= version.adapter().virtualTokens() > 0;
        }
        return taken;
    }

    /** Those under one example. */
    public Stream<AdapterVersion> below(Example example) {
        return Stream.concat(under.stream(), example.control().stream());
    }

    /** The most that come before an example. */
    public int virtualTokens() {
        return Stream.concat(under.stream(), controls.values().stream())
                .mapToInt(version -> version.adapter().virtualTokens())
                .max()
                .orElse(0);
    }
}
