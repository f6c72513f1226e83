package io.tandem.scheduler.plan;

import io.tandem.scheduler.inference.Sequence;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Tenants that run few answers beside one that runs many. What answers of others are promised does not cut the prompts that
 * give their first tokens, and prompts behind these wait for the next iteration. While another tenant than a job's waits for a
 * first token, training gets its floor only. With one tenant there is nobody modest, whatever users it has.
 */
final class ModestTenants {
    /** The tenant that runs most has so many times as many answers as one that is modest. */
    private static final int FACTOR = 6;

    private final Map<String, Integer> running = new HashMap<>();
    private final int most;

    /** @param sequences that run */
    ModestTenants(List<Sequence> sequences) {
        for (Sequence sequence : sequences) {
            if (!sequence.bestEffort()) {
                running.merge(sequence.request().tenant(), 1, Integer::sum);
            }
        }
        most = running.values().stream().mapToInt(count -> count).max().orElse(0);
    }

    /** Prompt tokens up to the end of the first prompt that waits for the first token of a modest tenant; 0 if none does. */
    int rows(List<Sequence> prompts) {
        int before = 0;
        for (Sequence prompt : prompts) {
            before += prompt.pending();
            if (prompt.generated() == 0 && isModest(prompt.request().tenant())) {
                return before;
            }
        }
        return 0;
    }

    private boolean isModest(String tenant) {
        return FACTOR * running.getOrDefault(tenant, 0) <= most;
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
