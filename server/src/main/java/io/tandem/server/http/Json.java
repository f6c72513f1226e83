package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Function;

/** Answers in JSON. */
final class Json {
    /** OpenAI's largest, that of files. */
    private static final int MAX_PAGE = 10_000;

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
        later(result, answer, context::fail);
    }

    static <T> void later(Exchange exchange, Future<T> result, Consumer<T> answer) {
        later(result, answer, exchange::fail);
    }

    private static <T> void later(Future<T> result, Consumer<T> answer, Handler<Throwable> failed) {
        result.<Void>map(value -> {
                    answer.accept(value);
                    return null;
                })
                .onFailure(failed);
    }

    /** Refuses parameters of a list that nothing reads: a misspelt filter would find everything otherwise. */
    static void requireKnown(RoutingContext context, String... filters) {
        List<String> known = new ArrayList<>(List.of(filters));
        known.addAll(List.of("after", "limit"));
        for (String name : context.queryParams().names()) {
            // metadata[key] is one of as many as there are keys.
            if (!known.contains(name) && !known.contains(name.replaceFirst("\\[.*]$", "[]"))) {
                throw ApiException.unsupported(
                        name,
                        "'" + name + "' is not a known parameter of this list; known are '" + String.join("', '", known)
                                + "'.");
            }
        }
    }

    /** Whether a list is wanted with the oldest first. */
    static boolean ascending(RoutingContext context) {
        String order = context.request().getParam("order", "desc");
        if (!order.equals("asc") && !order.equals("desc")) {
            throw ApiException.invalid("order", "'order' must be 'asc' or 'desc'.");
        }
        return order.equals("asc");
    }

    /** A page of OpenAI's lists: {@code limit} objects after the one with the id {@code after}. */
    static ObjectNode page(RoutingContext context, List<ObjectNode> all, int defaultLimit) {
        return page(context, all, object -> object.path("id").asText(), object -> object, defaultLimit);
    }

    /** The same of things that become objects only when they are on the page. */
    static <T> ObjectNode page(
            RoutingContext context,
            List<T> all,
            Function<T, String> id,
            Function<T, ObjectNode> object,
            int defaultLimit) {
        String after = context.request().getParam("after");
        int from = 0;
        if (after != null) {
            while (from < all.size() && !id.apply(all.get(from)).equals(after)) {
                from++;
            }
            if (from == all.size()) {
                throw ApiException.nothingAfter(after);
            }
            from++;
        }
        int limit = limit(context, defaultLimit);
        int to = (int) Math.min(all.size(), from + limit + 1L);
        return page(all.subList(from, to).stream().map(object).toList(), limit);
    }

    /** At most {@code limit} of these objects as a page, which is not the last one if there are more. */
    static ObjectNode page(List<ObjectNode> objects, int limit) {
        List<ObjectNode> shown = objects.subList(0, Math.min(objects.size(), limit));
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("object", "list");
        json.putArray("data").addAll(shown);
        json.set("first_id", shown.isEmpty() ? null : shown.get(0).path("id"));
        json.set("last_id", shown.isEmpty() ? null : shown.get(shown.size() - 1).path("id"));
        json.put("has_more", objects.size() > limit);
        return json;
    }

    /** The largest number of objects that a request wants in a page. */
    static int limit(RoutingContext context, int defaultLimit) {
        return limit(context, defaultLimit, MAX_PAGE);
    }

    /** The same where a page can have no more than {@code max}, at most 99,999. */
    static int limit(RoutingContext context, int defaultLimit, int max) {
        String text = context.request().getParam("limit");
        if (text == null) {
            return defaultLimit;
        }
        if (!text.matches("[0-9]{1,5}") || Integer.parseInt(text) < 1 || Integer.parseInt(text) > max) {
            throw ApiException.invalid("limit", "'limit' must be from 1 to " + max + ".");
        }
        return Integer.parseInt(text);
    }
}
