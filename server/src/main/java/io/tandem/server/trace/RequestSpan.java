package io.tandem.server.trace;

import io.opentelemetry.api.trace.Span;

/** The span of the HTTP request that the calling event loop is at; Vert.x begins and ends it. */
public final class RequestSpan {
    private RequestSpan() {}

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
