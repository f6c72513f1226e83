package io.tandem.loadtest.fuzz;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.loadtest.ApiClient;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Valid requests of each route, in {@code examples.json}: a query, and a JSON body or the fields and files of a form. A
 * name in braces stands for something that the server has.
 */
final class Examples {
    private static final String FILE = "examples.json";

    private final JsonNode examples;

    /**
     * A request that a server takes.
     *
     * @param query of the URL; empty for none
     * @param form texts by their name; absent if the body is no form
     * @param files kinds of files in the form
     */
    record Example(
            Route route,
            String path,
            String query,
            Optional<JsonNode> json,
            Optional<Map<String, String>> form,
            List<String> files) {}

    private Examples(JsonNode examples) {
        this.examples = examples;
    }

    static Examples load() {
        try (InputStream in = Objects.requireNonNull(Examples.class.getResourceAsStream(FILE))) {
            return new Examples(ApiClient.JSON.readTree(in));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Routes without an example, which would be fuzzed with nothing that a server understands, and the other way round. */
    List<String> differences(List<Route> routes) {
        Set<String> there = routes.stream().map(Route::toString).collect(Collectors.toCollection(TreeSet::new));
        Set<String> known = new TreeSet<>();
        examples.fieldNames().forEachRemaining(known::add);
        List<String> differences = new ArrayList<>(there);
        differences.removeAll(known);
        known.removeAll(there);
        differences.addAll(known);
        return differences;
    }

    /** @param names what to put for names in braces, and for parameters of paths */
    List<Example> of(Route route, Map<String, String> names) {
        List<Example> found = new ArrayList<>();
        for (JsonNode raw : examples.path(route.toString())) {
            JsonNode filled = fill(raw, names);
            Optional<JsonNode> form = Optional.ofNullable(filled.get("form"));
            List<String> files = new ArrayList<>();
            filled.path("files").forEach(file -> files.add(file.asText()));
            found.add(new Example(
                    route,
                    path(route, names),
                    filled.path("query").asText(),
                    Optional.ofNullable(filled.get("json")),
                    form.map(fields -> ApiClient.JSON.convertValue(
                            fields,
                            ApiClient.JSON.getTypeFactory().constructMapType(Map.class, String.class, String.class))),
                    files));
        }
        return found;
    }

    private static JsonNode fill(JsonNode raw, Map<String, String> names) {
        String text = raw.toString();
        for (Map.Entry<String, String> name : names.entrySet()) {
            text = text.replace("{" + name.getKey() + "}", name.getValue());
        }
        try {
            return ApiClient.JSON.readTree(text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String path(Route route, Map<String, String> names) {
        List<String> segments = new ArrayList<>();
        for (String segment : route.path().split("/", -1)) {
            // A model's name may have slashes, so its route ends with a wildcard.
            String parameter = segment.equals("*") ? "model" : segment.startsWith(":") ? segment.substring(1) : "";
            segments.add(parameter.isEmpty() ? segment : names.getOrDefault(parameter, "nothing"));
        }
        return String.join("/", segments);
    }
}
