package io.tandem.server.it;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;

/**
 * A route as the server describes it in {@code /openapi.json}. Tests that take all of them try a new one without anybody
 * thinking of it.
 *
 * @param path with parameters in braces
 * @param method in lower case
 * @param operation what is said of it
 */
record DescribedRoute(String path, String method, JsonNode operation) {
    static List<DescribedRoute> of(RunningServer server) throws IOException, InterruptedException {
        List<DescribedRoute> routes = new ArrayList<>();
        server.contract()
                .document()
                .path("paths")
                .properties()
                .forEach(path -> path.getValue().properties().forEach(operation -> {
                    if (!operation.getKey().equals("parameters")) {
                        routes.add(new DescribedRoute(path.getKey(), operation.getKey(), operation.getValue()));
                    }
                }));
        return routes;
    }

    /** Whether it says that it needs no key. */
    boolean isOpen() {
        return operation.path("security").isArray();
    }

    /** An example of its body; missing if it takes none that is JSON. */
    JsonNode example() {
        return operation.at("/requestBody/content/application~1json/example");
    }

    /**
     * A request with its example.
     *
     * @param real the path with something in the place of each parameter
     */
    Request to(String real) {
        return new Request(
                method, real, example().isMissingNode() ? "{}" : example().toString());
    }

    /** What is sent to a route. */
    record Request(String method, String path, String body) {
        HttpResponse<String> sendAs(RunningServer caller) throws IOException, InterruptedException {
            return switch (method) {
                case "post" -> caller.post(path, body);
                case "delete" -> caller.delete(path);
                default -> caller.get(path);
            };
        }
    }
}
