package io.tandem.scheduler.adapter;

import io.tandem.kernels.adapter.FullModule;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What the adapters of a stack have in full. */
public final class FullModules {
    private FullModules() {}

    /**
     * A module that more than one of them has in full, of which only one could be used.
     *
     * @param own what an adapter on top of them has
     */
    public static Optional<FullModule> twice(Set<FullModule> own, List<AdapterVersion> stack) {
        Set<FullModule> taken = EnumSet.noneOf(FullModule.class);
        taken.addAll(own);
        return stack.stream()
                .flatMap(version -> version.adapter().full().keySet().stream())
                .filter(module -> !taken.add(module))
                .findFirst();
    }

    /** How many there are. */
    public static int count(List<AdapterVersion> stack) {
        return stack.stream()
                .mapToInt(version -> version.adapter().full().size())
                .sum();
    }
}
