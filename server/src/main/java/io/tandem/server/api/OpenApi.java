package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.tandem.server.api.RequestField.Route;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** The server's own description, an OpenAPI 3.1 document: the routes that there are, each as it is described. */
public final class OpenApi {
    private static final String VERSION = "3.1.1";
    /** In examples, what stands for the model that is served. */
    private static final String MODEL = "$model";

    private static final Map<String, Route> TEXT_REQUESTS = Map.of(
            "CompletionRequest", Route.COMPLETIONS,
            "ChatCompletionRequest", Route.CHAT,
            "ResponseRequest", Route.RESPONSES);

    private OpenApi() {}

    /**
     * A route.
     *
     * @param method in lower case
     * @param path with its parameters in braces
     */
    public record Operation(String method, String path) {
        @Override
        public String toString() {
            return method + " " + path;
        }
    }

    /**
     * Which server it is.
     *
     * @param model that it serves
     * @param bounds of requests for text
     * @param version of Tandem
     * @param key whether requests need one
     */
    public record Served(String model, RequestBounds bounds, String version, boolean key) {}

    /** @throws IllegalStateException if a route is not described, or what is described is no route */
    public static ObjectNode document(List<Operation> routes, Served served) {
        Description description = Description.read();
        requireSame(routes, description.paths());
        ObjectNode document = JsonBody.MAPPER.createObjectNode().put("openapi", VERSION);
        document.putObject("info")
                .put("title", "Tandem")
                .put("version", served.version())
                .put(
                        "description",
                        "Serves and fine-tunes a language model on one device. Each GET answers HEAD too, and each path"
                                + " OPTIONS. Fields that are null count as absent.");
        document.putArray("servers").addObject().put("url", ".");
        document.set("tags", description.tags());
        document.set("paths", description.paths());
        ObjectNode components = description.components();
        document.set("components", components);
        ObjectNode schemas = components.withObjectProperty("schemas");
        TEXT_REQUESTS.forEach((name, route) -> schemas.set(name, RequestSchemas.of(route, served.bounds())));
        RequestSchemas.takeNull(document);
        description.paths().forEach(path -> path.forEach(operation -> finish(operation, served)));
        if (served.key()) {
            components
                    .putObject("securitySchemes")
                    .putObject("key")
                    .put("type", "http")
                    .put("scheme", "bearer");
            document.putArray("security").addObject().putArray("key");
        }
        return document;
    }

    private static void requireSame(List<Operation> routes, ObjectNode paths) {
        TreeSet<String> wrong = new TreeSet<>();
        paths.properties()
                .forEach(path -> path.getValue().fieldNames().forEachRemaining(method -> {
                    if (!method.equals("parameters")) {
                        wrong.add(method + " " + path.getKey());
                    }
                }));
        for (Operation route : routes) {
            if (!wrong.remove(route.toString())) {
                throw new IllegalStateException("openapi/*.yaml do not describe " + route);
            }
        }
        if (!wrong.isEmpty()) {
            throw new IllegalStateException("openapi/*.yaml describe what is no route: " + wrong);
        }
    }

    /** Adds what is the same for each operation. */
    private static void finish(JsonNode operation, Served served) {
        if (operation.path("responses") instanceof ObjectNode responses) {
            responses.putObject("default").put("$ref", "#/components/responses/Error");
            for (JsonNode media : operation.at("/requestBody/content")) {
                nameModel(media.path("example"), served.model());
            }
        }
    }

    private static void nameModel(JsonNode example, String model) {
        if (example instanceof ObjectNode object) {
            object.properties().forEach(field -> {
                if (field.getValue().asText().equals(MODEL)) {
                    field.setValue(TextNode.valueOf(model));
                } else {
                    nameModel(field.getValue(), model);
                }
            });
        } else if (example instanceof ArrayNode array) {
            for (int i = 0; i < array.size(); i++) {
                if (array.get(i).asText().equals(MODEL)) {
                    array.set(i, TextNode.valueOf(model));
                }
            }
        }
    }
}
