package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.tandem.server.config.ApiKey;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.SecurityPolicyHandler;
import java.util.List;

/** Lets those pass who send the server's key as {@code Authorization: Bearer KEY}. */
final class KeyHandler implements SecurityPolicyHandler {
    private static final String SCHEME = "Bearer ";

    private final ApiKey key;

    KeyHandler(ApiKey key) {
        this.key = key;
    }

    @Override
    public void handle(RoutingContext context) {
        List<String> sent = context.request().headers().getAll(HttpHeaders.AUTHORIZATION);
        if (sent.isEmpty()) {
            throw refusal("This server needs an API key; send it as 'Authorization: Bearer KEY'.");
        }
        String only = sent.size() == 1 ? sent.get(0) : "";
        if (!only.regionMatches(true, 0, SCHEME, 0, SCHEME.length())
                || !key.matches(only.substring(SCHEME.length()).strip())) {
            throw refusal("The API key is not the one of this server.");
        }
        context.next();
    }

    private static ApiException refusal(String message) {
        return ErrorMapper.wrong(401, "invalid_api_key", message);
    }
}
