package io.tandem.loadtest.method;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * A way to fine-tune.
 *
 * @param name of its row
 * @param hyperparameters of its jobs, but for what they all have in common
 */
record Method(String name, ObjectNode hyperparameters) {
    private static final String LIST = "methods.json";
    /** Virtual tokens of a job that does not say how many; ranks are fewer, also where they double. */
    private static final int USUAL_MAX_RANK = 20;

    /** Methods that make a base model, which no batch of adapters can have. */
    private static final Set<String> OF_BASES = Set.of("l4q", "pst");

    /**
     * All of them, or those of the names.
     *
     * @throws IllegalArgumentException if there is none of a name
     */
    static List<Method> named(Set<String> names) throws IOException {
        List<Method> all = all();
        Set<String> unknown = new HashSet<>(names);
        all.forEach(method -> unknown.remove(method.name));
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException("there is no method " + unknown + " among "
                    + all.stream().map(Method::name).toList());
        }
        return all.stream()
                .filter(method -> names.isEmpty() || names.contains(method.name))
                .toList();
    }

    private static List<Method> all() throws IOException {
        List<Method> all = new ArrayList<>();
        try (InputStream list = Objects.requireNonNull(Method.class.getResourceAsStream(LIST), LIST)) {
            ApiClient.JSON
                    .readTree(list)
                    .properties()
                    .forEach(entry -> all.add(new Method(entry.getKey(), (ObjectNode) entry.getValue())));
        }
        return all;
    }

    /**
     * Refuses a server that has a method of which the list knows nothing: its table would pass for a complete one.
     *
     * @throws IllegalStateException naming what is missing
     */
    static void requireComplete(ApiClient client) throws IOException, InterruptedException {
        Set<String> missing = new HashSet<>();
        JsonNode hyperparameters = client.get("/openapi.json").at("/components/schemas/Hyperparameters/properties");
        for (JsonNode name : hyperparameters.at("/peft/enum")) {
            if (name.isTextual()) {
                missing.add(name.asText());
            }
        }
        if (missing.isEmpty()) {
            throw new IllegalStateException("/openapi.json does not say which methods there are");
        }
        all().forEach(method -> missing.remove(method.peft()));
        if (!missing.isEmpty()) {
            throw new IllegalStateException(LIST + " lacks the methods " + missing);
        }
    }

    private String peft() {
        return hyperparameters.path("peft").asText();
    }

    /** Whether its jobs end with a base model and no adapter. */
    boolean makesBase() {
        return OF_BASES.contains(peft());
    }

    /** How many modules each of its adapters has in full. */
    int fullModules() {
        return hyperparameters.path("modules_to_save").size();
    }

    /** The most ranks that a module of its adapters may have, or virtual tokens before a text. */
    int maxRank() {
        return hyperparameters.path("rank").asInt(USUAL_MAX_RANK);
    }

    /** The same with another learning rate, in units of its own. */
    Method faster(double factor) {
        if (factor == 1) {
            return this;
        }
        ObjectNode changed = hyperparameters.deepCopy();
        changed.put(
                "learning_rate", factor * hyperparameters.path("learning_rate").asDouble());
        return new Method(name + " x " + factor, changed);
    }

    /** A job's body. */
    ObjectNode job(String model, String file, long seed) {
        ObjectNode job = ApiClient.JSON.createObjectNode();
        job.put("model", model).put("training_file", file).put("seed", seed).put("suffix", "methods");
        job.set("hyperparameters", hyperparameters.deepCopy());
        return job;
    }
}
