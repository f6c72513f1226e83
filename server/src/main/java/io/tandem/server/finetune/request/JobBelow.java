package io.tandem.server.finetune.request;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.server.adapter.AdapterChoice;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.dataset.Tags;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The fields of a job's hyperparameters that say what the new adapter is trained on top of.
 *
 * @param under names of adapters
 * @param controls by label, the name of one more adapter; each example names a label. Control for alignment as in MEET:
 *     the result serves under every control, and a request picks one
 */
record JobBelow(List<String> under, SortedMap<String, String> controls) {
    static final Set<String> FIELDS = Set.of("under", "controls");

    private static final int MAX_CONTROLS = 16;

    /** @throws ApiException naming the field that is wrong */
    static JobBelow parse(JsonBody hyper) {
        return new JobBelow(under(hyper), controls(hyper));
    }

    /** @throws ApiException if there is something, below what becomes a base model itself */
    void requireNothing(JsonBody hyper, String method) {
        String why = "cannot be had with '" + method + "', of which a base model comes.";
        if (!under.isEmpty()) {
            throw hyper.invalid("under", why);
        }
        if (!controls.isEmpty()) {
            throw hyper.invalid("controls", why);
        }
    }

    private static List<String> under(JsonBody hyper) {
        JsonNode value = hyper.find("under");
        List<String> names = new ArrayList<>();
        if (value == null) {
            return names;
        }
        if (!value.isArray() || value.size() > FinetuneJob.MAX_UNDER) {
            throw hyper.invalid("under", "must be a list of at most " + FinetuneJob.MAX_UNDER + " names of adapters.");
        }
        for (JsonNode name : value) {
            if (!name.isTextual() || names.contains(name.textValue())) {
                throw hyper.invalid("under", "must be a list of different names of adapters.");
            }
            names.add(name.textValue());
        }
        return names;
    }

    private static SortedMap<String, String> controls(JsonBody hyper) {
        JsonNode value = hyper.find("controls");
        SortedMap<String, String> controls = new TreeMap<>();
        if (value == null) {
            return controls;
        }
        if (!(value instanceof ObjectNode object) || object.isEmpty() || object.size() > MAX_CONTROLS) {
            throw hyper.invalid(
                    "controls", "must be an object with 1 to " + MAX_CONTROLS + " names of adapters by their labels.");
        }
        for (Map.Entry<String, JsonNode> control : object.properties()) {
            if (!Tags.allowed(control.getKey())) {
                throw hyper.invalid("controls", "must have labels of " + Tags.ALLOWED + ".");
            }
            if (!control.getValue().isTextual()) {
                throw hyper.invalid("controls", "must have the name of an adapter for each label.");
            }
            controls.put(control.getKey(), control.getValue().textValue());
        }
        return controls;
    }

    /**
     * The current versions of these adapters.
     *
     * @throws ApiException if there is no such adapter, or there are too many one above the other
     */
    FrozenAdapters find(AdapterLibrary library) {
        List<AdapterVersion> below = new ArrayList<>();
        for (String name : under) {
            below.addAll(library.stack(choose(library, "under", name)).join());
        }
        int most = below.size() + (controls.isEmpty() ? 0 : 1);
        if (most > FinetuneJob.MAX_UNDER) {
            throw ApiException.invalid(
                    "under",
                    "'under' names " + below.size() + " adapters, with those that they stand on"
                            + (controls.isEmpty() ? "" : ", and a control is one more") + "; at most "
                            + FinetuneJob.MAX_UNDER + " are possible.");
        }
        SortedMap<String, AdapterVersion> found = new TreeMap<>();
        controls.forEach((label, name) -> {
            AdapterVersion control = library.load(
                            choose(library, "controls", name).requireAlone("controls", "a control"))
                    .join();
            if (below.stream().anyMatch(version -> version.hash().equals(control.hash()))) {
                throw ApiException.invalid(
                        "controls", "'controls': '" + name + "' is below all examples already, by 'under'.");
            }
            found.put(label, control);
        });
        return new FrozenAdapters(below, found);
    }

    private static AdapterChoice choose(AdapterLibrary library, String field, String name) {
        return library.choose(name, "")
                .orElseThrow(() -> ApiException.notFound(
                        field, "model_not_found", "'" + field + "': there is no adapter '" + name + "'."));
    }
}
