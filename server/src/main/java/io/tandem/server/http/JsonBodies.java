package io.tandem.server.http;

import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.SecurityPolicyHandler;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Refuses bodies that cannot be JSON. Programs may leave the type out or, like curl's {@code -d}, send that of a form;
 * pages may not, because a browser sends those types to other sites without asking them.
 */
final class JsonBodies implements SecurityPolicyHandler {
    private final BodyDeadline deadline;

    JsonBodies(BodyDeadline deadline) {
        this.deadline = deadline;
    }

    private static final Pattern JSON = Pattern.compile("application/([a-z0-9.-]+\\+)?json");

    @Override
    public void handle(RoutingContext context) {
        HttpServerRequest request = context.request();
        String type = Optional.ofNullable(request.getHeader(HttpHeaders.CONTENT_TYPE))
                .map(header -> header.split(";", 2)[0].strip().toLowerCase(Locale.ROOT))
                .orElse("");
        boolean page = request.headers().contains(HttpHeaders.ORIGIN);
        if (!JSON.matcher(type).matches() && (type.startsWith("multipart/") || (page && hasBody(request)))) {
            throw ErrorMapper.wrong(
                    415, "unsupported_media_type", "The body has to be JSON; send 'Content-Type: application/json'.");
        }
        // Those who read the body would take it for a form otherwise.
        request.headers().set(HttpHeaders.CONTENT_TYPE, "application/json");
        if (hasBody(request)) {
            deadline.watch(context);
        }
        context.next();
    }

    private static boolean hasBody(HttpServerRequest request) {
        String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        return request.headers().contains(HttpHeaders.TRANSFER_ENCODING) || (length != null && !length.equals("0"));
    }
}
