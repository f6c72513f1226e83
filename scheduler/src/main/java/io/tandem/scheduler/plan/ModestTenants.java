package io.tandem.scheduler.plan;

import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.inference.Sequence;
import java.util.List;
import java.util.Set;

/**
 * Tenants that came lately and ask for little beside others. What answers of others are promised does not cut the prompts that
 * give their first tokens, prompts behind these wait for the next iteration, and {@link TenantDelay} bounds what others have
 * of an iteration. With one tenant there is nobody modest, whatever users it has.
 */
public record ModestTenants(Set<String> names) {
    public static final ModestTenants NONE = new ModestTenants(Set.of());

    public ModestTenants {
        names = Set.copyOf(names);
    }

    /** Whether iterations are kept short for them. */
    public boolean bound(Targets targets) {
        return targets.delayNanos() > 0 && !names.isEmpty();
    }

    boolean have(Sequence sequence) {
        return names.contains(sequence.request().tenant());
    }

    /** Prompt tokens up to the end of the first prompt that waits for the first token of a modest tenant; 0 if none does. */
    int rows(List<Sequence> prompts) {
        int before = 0;
        for (Sequence prompt : prompts) {
            before += prompt.pending();
            if (prompt.generated() == 0 && have(prompt)) {
                return before;
            }
        }
        return 0;
    }

    /** Whether a tenant other than these waits for a first token. */
    static boolean awaitFirstToken(List<Sequence> sequences, Set<String> tenants) {
        return sequences.stream()
                .anyMatch(sequence -> !sequence.bestEffort()
                        && !sequence.decoding()
                        && sequence.generated() == 0
                        && !tenants.contains(sequence.request().tenant()));
    }
}
