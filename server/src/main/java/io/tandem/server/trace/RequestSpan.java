package io.tandem.server.trace;

import io.opentelemetry.api.trace.Span;
import io.vertx.core.http.HttpServerRequest;

/** The span of the HTTP request that the calling event loop is at; Vert.x begins and ends it. */
public final class RequestSpan {
    private RequestSpan() {}

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
