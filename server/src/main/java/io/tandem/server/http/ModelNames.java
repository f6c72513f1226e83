package io.tandem.server.http;

import io.tandem.scheduler.adapter.AdapterRegistry;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.server.api.ApiException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** What the {@code model} of a request means: the base model or an adapter's current version. */
public record ModelNames(String base, AdapterRegistry adapters) {
    private static final int NEAR_NAMES_MAX = 3;
    /** Of names that are compared to find near ones; keeps a request for a nonsense name cheap. */
    private static final int COMPARED_NAMES_MAX = 1000;

    /** Empty means the base model. */
    public List<AdapterVersion> resolve(String model) {
        if (model.equals(base)) {
            return List.of();
        }
        return adapters.find(model).orElseThrow(() -> unknown(model)).stack();
    }

    private ApiException unknown(String model) {
        List<String> names = new ArrayList<>(List.of(base));
        adapters.names().stream().limit(COMPARED_NAMES_MAX).forEach(names::add);
        names.sort(Comparator.comparingInt(name -> distance(model, name)));
        String near = String.join(", ", names.subList(0, Math.min(NEAR_NAMES_MAX, names.size())));
        return ApiException.notFound(
                "model",
                "model_not_found",
                "The model '" + model + "' does not exist. Near names: " + near + ". GET /v1/models lists all.");
    }

    /** Edits from one text to the other (Levenshtein). */
    private static int distance(String from, String to) {
        int[] row = new int[to.length() + 1];
        for (int j = 0; j <= to.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= from.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.length(); j++) {
                int substituted = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(substituted, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[to.length()];
    }
}
