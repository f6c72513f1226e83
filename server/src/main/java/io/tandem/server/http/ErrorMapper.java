package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.scheduler.Rejection;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The only place that knows which failure is which status; every answer is OpenAI's error object. */
final class ErrorMapper {
    private static final Logger LOG = LoggerFactory.getLogger(ErrorMapper.class);
    static final String INVALID = "invalid_request_error";

    private ErrorMapper() {}

    static ApiException refusal(Rejection rejection) {
        String message = rejection.message();
        return switch (rejection.reason()) {
            case QUEUE_FULL -> new ApiException(429, "rate_limit_error", null, "rate_limit_exceeded", message);
            case SHUTTING_DOWN -> new ApiException(503, "server_error", null, "shutting_down", message);
            case PROMPT_EMPTY -> ApiException.invalid("prompt", message);
            case PROMPT_TOO_LONG -> new ApiException(400, INVALID, "messages", "context_length_exceeded", message);
            case EXAMPLE_TOO_LONG, NOTHING_TO_LEARN, WRONG_EXAMPLE -> ApiException.invalid("training_file", message);
            case ADAPTER_TOO_LARGE, TOO_MANY_ADAPTERS -> ApiException.invalid("model", message);
        };
    }

    /** The engine gave up a request that it had accepted. */
    static ApiException failure(String message) {
        return new ApiException(500, "server_error", null, "generation_failed", message);
    }

    /** An adapter that the request names cannot answer it. */
    static ApiException brokenAdapter(String message) {
        return new ApiException(409, INVALID, "model", "adapter_broken", message);
    }

    static void handle(RoutingContext context) {
        @Nullable Throwable failure = cause(context.failure());
        ApiException error = failure == null ? byStatus(context) : of(failure);
        if (error.status() >= 500 && failure != null && !(failure instanceof ApiException)) {
            LOG.error(
                    "{} {} failed",
                    context.request().method(),
                    context.request().path(),
                    failure);
        }
        HttpServerResponse response = context.response();
        if (response.headWritten()) {
            response.reset();
            return;
        }
        answer(response, error);
    }

    /** Ends a response whose head is not written yet. */
    static void answer(HttpServerResponse response, ApiException error) {
        if (error.status() == 401) {
            response.putHeader("WWW-Authenticate", "Bearer");
        }
        if (error.status() == 429 || error.status() == 503) {
            response.putHeader("Retry-After", "1");
        }
        response.setStatusCode(error.status())
                .putHeader("Content-Type", "application/json")
                .end(body(error).toString());
    }

    /** What failed on another thread arrives in a wrapping. */
    private static @Nullable Throwable cause(@Nullable Throwable failure) {
        return failure instanceof CompletionException && failure.getCause() != null
                ? cause(failure.getCause())
                : failure;
    }

    private static ApiException of(Throwable failure) {
        if (failure instanceof ApiException api) {
            return api;
        }
        if (failure instanceof AdapterFormatException) {
            return new ApiException(400, INVALID, null, "invalid_adapter", String.valueOf(failure.getMessage()));
        }
        return new ApiException(500, "server_error", null, "internal_error", "The server failed; see its log.");
    }

    private static ApiException byStatus(RoutingContext context) {
        String what = context.request().method() + " " + context.request().path();
        return switch (context.statusCode()) {
            case 404 ->
                new ApiException(404, INVALID, null, "unknown_url", "There is no " + what + "; GET / lists all.");
            case 405 ->
                new ApiException(
                        405, INVALID, null, "method_not_allowed", what + " does not exist, another method does.");
            case 413 -> new ApiException(413, INVALID, null, "body_too_large", "The body is larger than allowed.");
            case 415 -> new ApiException(415, INVALID, null, "unsupported_media_type", "Send application/json.");
            case 400 -> new ApiException(400, INVALID, null, "bad_request", "The request cannot be read.");
            default -> new ApiException(500, "server_error", null, "internal_error", "The server failed; see its log.");
        };
    }

    static ObjectNode body(ApiException error) {
        ObjectNode body = JsonBody.MAPPER.createObjectNode();
        ObjectNode inner = body.putObject("error");
        inner.put("message", error.getMessage());
        inner.put("type", error.type());
        inner.put("param", error.param());
        inner.put("code", error.code());
        return body;
    }
}
