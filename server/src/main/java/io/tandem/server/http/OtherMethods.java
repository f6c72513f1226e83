package io.tandem.server.http;

import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Says which methods a path has to those who ask with OPTIONS, or come with another one. */
final class OtherMethods {
    private static final String ALLOWED = "allowed methods";

    private OtherMethods() {}

    /** Completes a router whose table is whole. */
    static void addTo(Router router) {
        Map<String, Set<String>> table = new TreeMap<>();
        for (Route route : router.getRoutes()) {
            if (route.getPath() != null && route.methods() != null) {
                Set<String> names =
                        route.methods().stream().map(HttpMethod::name).collect(Collectors.toSet());
                table.computeIfAbsent(pattern(route), path -> new TreeSet<>()).addAll(names);
            }
        }
        // Several patterns of the table may match one path.
        table.forEach((path, methods) -> router.route(path).handler(context -> {
            Set<String> allowed = context.get(ALLOWED, new TreeSet<>());
            allowed.addAll(methods);
            context.put(ALLOWED, allowed);
            context.next();
        }));
        router.route().handler(OtherMethods::answer);
    }

    /** The path as the table has it; Vert.x keeps it without its asterisk. */
    static String pattern(Route route) {
        return route.getPath() + (route.isExactPath() ? "" : "*");
    }

    private static void answer(RoutingContext context) {
        HttpMethod method = context.request().method();
        Set<String> allowed = context.get(ALLOWED);
        if (allowed == null) {
            throw ErrorMapper.wrong(
                    404,
                    "unknown_url",
                    "There is no " + method + " " + context.request().path() + "; GET / lists all.");
        }
        context.response().putHeader("Allow", "OPTIONS, " + String.join(", ", allowed));
        if (method.equals(HttpMethod.OPTIONS)) {
            context.response().setStatusCode(204).end();
            return;
        }
        throw ErrorMapper.wrong(
                405,
                "method_not_allowed",
                "Method " + method + " is not allowed here; use " + String.join(" or ", allowed) + ".");
    }
}
