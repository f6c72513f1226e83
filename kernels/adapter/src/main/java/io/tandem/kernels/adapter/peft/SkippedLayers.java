package io.tandem.kernels.adapter.peft;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Layers that texts with an adapter do not go through: a key of {@code adapter_config.json} beside those of any form. PEFT does
 * not know it, and computes all layers.
 */
final class SkippedLayers {
    static final String KEY = "skipped_layers";

    private SkippedLayers() {}

    /**
     * What the configuration says, of an adapter that was read from the same directory.
     *
     * @throws ModelFormatException if those are no layers of the model, or nothing is left of it
     */
    static Adapter read(JsonFields json, Adapter adapter, ModelConfig model) {
        JsonNode layers = json.value(KEY).orElse(null);
        if (layers == null || (layers.isArray() && layers.isEmpty())) {
            return adapter;
        }
        if (adapter.invocation().isPresent()) {
            throw json.refuse(KEY, "null: an adapter that acts from its invocation on skips no layers");
        }
        SortedSet<Integer> skipped = new TreeSet<>();
        boolean sound = layers.isArray() && layers.size() < model.layers();
        for (JsonNode layer : layers) {
            sound = sound && layer.isInt() && layer.intValue() >= 0 && layer.intValue() < model.layers();
            sound = sound && skipped.add(layer.intValue());
        }
        if (!sound) {
            throw json.refuse(KEY, "different layers from 0 to " + (model.layers() - 1) + ", and fewer than there are");
        }
        Adapter left = adapter.skipping(skipped);
        if (left.modules().isEmpty() && left.prefix().isEmpty()) {
            throw json.refuse(KEY, "to leave a layer that the adapter changes");
        }
        return left;
    }
}
