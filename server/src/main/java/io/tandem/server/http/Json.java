package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/** Answers in JSON. */
final class Json {
    private static final int MAX_PAGE = 1000;

    /** Under which name a request has its body if it was read already. */
    static final String BODY = "json-body";

    private Json() {}

    /** The body of a request. */
    static JsonBody body(RoutingContext context) {
        JsonBody read = context.get(BODY);
        return read == null ? JsonBody.parse(context.body().buffer()) : read;
    }

    static void answer(RoutingContext context, ObjectNode json) {
        context.response().putHeader("Content-Type", "application/json").end(json.toString());
    }

    /** Answers with a result that another thread will give. */
    static void answer(RoutingContext context, CompletionStage<ObjectNode> json) {
        later(context, json, result -> answer(context, result));
    }

    /** Answers with what another thread will give; whatever is thrown on the way is the request's failure. */
    static <T> void later(RoutingContext context, CompletionStage<T> result, Consumer<T> answer) {
        later(context, Future.fromCompletionStage(result, context.vertx().getOrCreateContext()), answer);
    }

    /** Answers with the result of work that waits for a disk. */
    static <T> void blocking(RoutingContext context, Callable<T> work, Consumer<T> answer) {
        later(context, context.vertx().executeBlocking(work, false), answer);
    }

    static <T> void later(RoutingContext context, Future<T> result, Consumer<T> answer) {
        result.<Void>map(value -> {
                    answer.accept(value);
                    return null;
                })
                .onFailure(context::fail);
    }

    /** A page of OpenAI's lists: {@code limit} objects after the one with the id {@code after}. */
    static ObjectNode page(RoutingContext context, List<ObjectNode> all, int defaultLimit) {
        int limit = limit(context, defaultLimit);
        String after = context.request().getParam("after");
        int from = 0;
        if (after != null) {
            while (from < all.size() && !all.get(from).path("id").asText().equals(after)) {
                from++;
            }
            if (from == all.size()) {
                throw ApiException.nothingAfter(after);
            }
            from++;
        }
        return page(all, from, limit);
    }

    /** At most {@code limit} of these objects as a page. */
    static ObjectNode page(List<ObjectNode> all, int from, int limit) {
        int to = Math.min(all.size(), from + limit);
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("object", "list");
        json.putArray("data").addAll(all.subList(from, to));
        json.put("first_id", from < to ? all.get(from).path("id").asText() : null);
        json.put("last_id", from < to ? all.get(to - 1).path("id").asText() : null);
        json.put("has_more", to < all.size());
        return json;
    }

    /** The largest number of objects that a request wants in a page. */
    static int limit(RoutingContext context, int defaultLimit) {
        String text = context.request().getParam("limit");
        if (text == null) {
            return defaultLimit;
        }
        if (!text.matches("[0-9]{1,4}") || Integer.parseInt(text) < 1 || Integer.parseInt(text) > MAX_PAGE) {
            throw ApiException.invalid("limit", "'limit' must be from 1 to " + MAX_PAGE + ".");
        }
        return Integer.parseInt(text);
    }
}
