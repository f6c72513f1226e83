package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A way to merge adapters.
 *
 * @param label of its row
 * @param weight of each adapter
 * @param fields of the request beside {@code merge_strategy}, such as {@code density}
 */
public record MergeWay(String label, String strategy, double weight, ObjectNode fields) {
    /** What the authors of TIES-Merging take for sums when they have no examples to choose by. */
    private static final double TASK_ARITHMETIC = 0.4;

    /** For any number of adapters. */
    public static List<MergeWay> forAny(int count, double density) {
        String kept = String.format(Locale.ROOT, " %.1f", density);
        return List.of(
                summed("average", "linear", 1.0 / count),
                summed("sum x 0.4", "linear", TASK_ARITHMETIC),
                summed("sum", "linear", 1),
                pruned("magnitude prune" + kept, "magnitude_prune", density),
                pruned("TIES" + kept, "ties", density),
                pruned("DARE-TIES" + kept, "dare_ties", density),
                pruned("PCB" + kept, "pcb", density));
    }

    /**
     * Layer swapping with zones of the first adapter at both ends.
     *
     * @param zones bottom, top, bottom transition and top transition; what is not said is the server's
     */
    public static MergeWay swap(String label, Map<String, Integer> zones) {
        ObjectNode fields = ApiClient.JSON.createObjectNode();
        if (!zones.isEmpty()) {
            zones.forEach(fields.putObject("layer_swap")::put);
        }
        return new MergeWay(label, "layer_swap", 1, fields);
    }

    /** One that adds up all entries. */
    static MergeWay summed(String label, String strategy, double weight) {
        return new MergeWay(label, strategy, weight, ApiClient.JSON.createObjectNode());
    }

    /** One that keeps a share of the entries. */
    static MergeWay pruned(String label, String strategy, double density) {
        return new MergeWay(
                label, strategy, 1, ApiClient.JSON.createObjectNode().put("density", density));
    }

    /** The same, with weights that the server looks for from there. */
    MergeWay searched(String validationFile, int evaluations) {
        ObjectNode more = fields.deepCopy();
        more.put("validation_file", validationFile).put("evaluations", evaluations);
        return new MergeWay("searched " + label, strategy, weight, more);
    }

    /** Makes the merge under a name; returns the answer. */
    public JsonNode merge(ApiClient client, String name, List<String> adapters)
            throws IOException, InterruptedException {
        ObjectNode body = fields.deepCopy();
        body.put("name", name).put("merge_strategy", strategy);
        ArrayNode ids = body.putArray("ids");
        ArrayNode weights = body.putArray("weights");
        adapters.forEach(adapter -> {
            ids.add(adapter);
            weights.add(weight);
        });
        return client.post("/v1/adapters/merge", body);
    }
}
