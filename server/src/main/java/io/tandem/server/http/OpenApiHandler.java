package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.OpenApi;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** {@code /openapi.json}, made once from the routes that there are. */
final class OpenApiHandler {
    private @Nullable CachedAsset document;

    /** @param router whose table is whole */
    void describe(Router router, OpenApi.Served served) {
        List<OpenApi.Operation> operations = router.getRoutes().stream()
                .filter(route -> route.getPath() != null && route.methods() != null)
                .filter(route -> !route.methods().contains(HttpMethod.HEAD))
                .map(OpenApiHandler::operation)
                .distinct()
                .toList();
        ObjectNode json = OpenApi.document(operations, served);
        document = new CachedAsset("application/json", json.toString().getBytes(StandardCharsets.UTF_8));
    }

    private static OpenApi.Operation operation(Route route) {
        String method = route.methods().iterator().next().name().toLowerCase(Locale.ROOT);
        // The rest of a path is one parameter too.
        String path = OtherMethods.pattern(route).replaceAll(":(\\w+)", "{$1}").replace("models/*", "models/{model}");
        return new OpenApi.Operation(method, path);
    }

    void answer(RoutingContext context) {
        Objects.requireNonNull(document).answer(context);
    }
}
