package io.tandem.server.http;

import io.tandem.server.api.ObjectIds;
import io.vertx.core.http.HttpServerRequest;
import java.util.regex.Pattern;

/** The id by which a client, a proxy and the log know the same request: the client's own, or a new one. */
final class RequestIds {
    static final String HEADER = "X-Request-Id";
    /** Its name in the log. */
    static final String FIELD = "request";

    private static final Pattern PRINTABLE = Pattern.compile("[!-~]{1,128}");

    private RequestIds() {}

    /** Gives the answer its id. */
    static void assign(HttpServerRequest request) {
        String own = request.getHeader(HEADER);
        String id = own != null && PRINTABLE.matcher(own).matches() ? own : ObjectIds.random("req_");
        request.response().putHeader(HEADER, id);
    }

    static String of(HttpServerRequest request) {
        String id = request.response().headers().get(HEADER);
        return id == null ? "-" : id;
    }
}
