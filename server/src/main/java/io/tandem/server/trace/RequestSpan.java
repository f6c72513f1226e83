package io.tandem.server.trace;

import io.opentelemetry.api.trace.Span;
import io.vertx.core.http.HttpServerRequest;
import java.util.Set;

/** The span of the HTTP request that the calling event loop is at; Vert.x begins and ends it. */
public final class RequestSpan {
    private static final Set<String> METHODS =
            Set.of("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE");

    private RequestSpan() {}

    /**
     * Names a request whose method no standard knows as OpenTelemetry's conventions say. Vert.x names requests by their methods
     * until their route is known, and clients could invent a name for each.
     */
    public static void withKnownMethod(HttpServerRequest request) {
        String method = request.method().name();
        if (!METHODS.contains(method)) {
            Span.current()
                    .updateName("HTTP")
                    .setAttribute("http.request.method", "_OTHER")
                    .setAttribute("http.request.method_original", method);
        }
    }

    /** Leaves the query out, as the log does: clients that send their keys in it do so by mistake. */
    public static void withoutQuery(HttpServerRequest request) {
        Span span = Span.current();
        if (request.query() != null && span.isRecording()) {
            String url = request.absoluteURI();
            span.setAttribute("http.url", url.substring(0, url.indexOf('?'))).setAttribute("url.query", "REDACTED");
        }
    }

    /**
     * Says what was asked for, and by whom.
     *
     * @param route as the router has it, such as {@code /v1/files/:file}
     * @param id the request's, as the log has it
     */
    public static void describe(String method, String route, String tenant, String id) {
        Span.current()
                .updateName(method + " " + route)
                .setAttribute("http.route", route)
                .setAttribute("tandem.tenant", tenant)
                .setAttribute("tandem.request", id);
    }
}
