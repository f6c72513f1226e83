package io.tandem.loadtest.expert;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
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
record MergeWay(String label, String strategy, double weight, ObjectNode fields) {
    /** What the authors of TIES-Merging take for sums when they have no examples to choose by. */
    private static final double TASK_ARITHMETIC = 0.4;

    /** For any number of adapters. */
    static List<MergeWay> forAny(int count, double density) {
        return List.of(
                summed("average", 1.0 / count),
                summed("sum x 0.4", TASK_ARITHMETIC),
                summed("sum", 1),
                pruned("magnitude prune", "magnitude_prune", density),
                pruned("TIES", "ties", density),
                pruned("DARE-TIES", "dare_ties", density),
                pruned("PCB", "pcb", density));
    }

    /**
     * Layer swapping with zones of the first adapter at both ends.
     *
     * @param zones bottom, top, bottom transition and top transition; what is not said is the server's
     */
    static MergeWay swap(String label, Map<String, Integer> zones) {
        ObjectNode fields = ApiClient.JSON.createObjectNode();
        if (!zones.isEmpty()) {
            zones.forEach(fields.putObject("layer_swap")::put);
        }
        return new MergeWay(label, "layer_swap", 1, fields);
    }

    private static MergeWay summed(String label, double weight) {
        return new MergeWay(label, "linear", weight, ApiClient.JSON.createObjectNode());
    }

    private static MergeWay pruned(String name, String strategy, double density) {
        String label = String.format(Locale.ROOT, "%s %.1f", name, density);
        return new MergeWay(
                label, strategy, 1, ApiClient.JSON.createObjectNode().put("density", density));
    }

    /** Makes the merge under a name. */
    void merge(ApiClient client, String name, List<String> adapters) throws IOException, InterruptedException {
        ObjectNode body = fields.deepCopy();
        body.put("name", name).put("merge_strategy", strategy);
        ArrayNode ids = body.putArray("ids");
        ArrayNode weights = body.putArray("weights");
        adapters.forEach(adapter -> {
            ids.add(adapter);
            weights.add(weight);
        });
        client.post("/v1/adapters/merge", body);
    }
}
