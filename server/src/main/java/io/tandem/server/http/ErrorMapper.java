package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.inference.TokenSink.Finish;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.DiskFailure;
import io.tandem.server.text.ServedModel;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The only place that knows which failure is which status; every answer is OpenAI's error object. */
final class ErrorMapper {
    private static final Logger LOG = LoggerFactory.getLogger(ErrorMapper.class);
    private static final String INVALID = "invalid_request_error";

    private ErrorMapper() {}

    /**
     * @param field of the request that has the prompt
     * @param model that refused
     */
    static ApiException refusal(Rejection rejection, String field, ServedModel model) {
        String message = rejection.message();
        return switch (rejection.reason()) {
            case QUEUE_FULL -> ApiException.tooMany(message + " (scheduler.max-queued-requests)");
            case SHUTTING_DOWN -> ApiException.shuttingDown();
            case TOO_MANY_ANSWERS -> ApiException.invalid("n", message);
            case PROMPT_EMPTY -> ApiException.invalid(field, message);
            case PROMPT_TOO_LONG ->
                new ApiException(
                        400,
                        INVALID,
                        field,
                        "context_length_exceeded",
                        message + "; the model allows " + model.shape().maxPositions());
            case EXAMPLE_TOO_LONG, NOTHING_TO_LEARN, WRONG_EXAMPLE -> ApiException.invalid("training_file", message);
            case ADAPTER_TOO_LARGE, TOO_MANY_ADAPTERS, UNFIT_ADAPTER -> ApiException.invalid("model", message);
        };
    }

    /** Why an accepted request has no answer; empty if it has one. */
    static Optional<ApiException> failure(Finish finish) {
        String message = finish.message();
        return switch (finish.reason()) {
            case STOP, LENGTH, CANCELLED -> Optional.empty();
            case FAILED -> Optional.of(new ApiException(500, "server_error", null, "generation_failed", message));
            case BROKEN_CONSTRAINT -> Optional.of(new ApiException(400, INVALID, null, "format_not_possible", message));
            case BROKEN_ADAPTER -> Optional.of(new ApiException(409, INVALID, "model", "adapter_broken", message));
            case DISPLACED -> Optional.of(ApiException.tooMany(message));
            case SHUT_DOWN -> Optional.of(ApiException.shuttingDown());
        };
    }

    /**
     * Answers a failed request, unless the client has left.
     *
     * @param status of a failure that has none of its own
     */
    static void handle(RoutingContext context, int status) {
        HttpServerResponse response = context.response();
        if (response.closed() || response.ended()) {
            return;
        }
        @Nullable Throwable failure = cause(context.failure());
        ApiException error = of(failure, context.statusCode() > 0 ? context.statusCode() : status);
        if (error.status() == 500 && !(failure instanceof ApiException)) {
            LOG.atError()
                    .setCause(failure)
                    .addKeyValue(RequestIds.FIELD, RequestIds.of(context.request()))
                    .log(
                            "{} {} failed, request {}",
                            context.request().method(),
                            context.request().path(),
                            RequestIds.of(context.request()));
        }
        if (response.headWritten()) {
            response.reset();
            return;
        }
        answer(context.request(), error);
    }

    /** Answers what is not HTTP, after which nothing on the connection can be understood. */
    static void invalid(HttpServerRequest request) {
        Throwable cause = request.decoderResult().cause();
        int status = 400;
        if (cause instanceof TooLongHttpLineException) {
            status = 414;
        } else if (cause instanceof TooLongHttpHeaderException) {
            status = 431;
        } else if (cause instanceof UnknownVersions.UnknownVersion) {
            status = 505;
        }
        RequestIds.assign(request);
        answerAndClose(request, byStatus(status));
    }

    /** Ends a connection on which no further request can be read, with an answer if there is none yet. */
    static void answerAndClose(HttpServerRequest request, ApiException error) {
        if (!request.response().headWritten()) {
            request.response().putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
            answer(request, error);
        }
        request.connection().close();
    }

    /** Says in the log that a request was refused or failed; nothing of what it says, which may be private. */
    static void log(HttpServerRequest request, ApiException error) {
        LOG.atDebug()
                .addKeyValue(RequestIds.FIELD, RequestIds.of(request))
                .log(
                        "{} {} {} {} request {}",
                        error.status(),
                        request.method(),
                        request.path(),
                        error.code() == null ? error.type() : error.code(),
                        RequestIds.of(request));
    }

    /** Ends a response whose head is not written yet. */
    static void answer(HttpServerRequest request, ApiException error) {
        log(request, error);
        HttpServerResponse response = request.response();
        if (error.status() == 401) {
            response.putHeader("WWW-Authenticate", "Bearer");
        }
        boolean later = error.status() == 429 || error.status() == 503;
        if (later && !response.headers().contains("Retry-After")) {
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

    /** What a client gets for a failure that is not about HTTP. */
    static ApiException of(Throwable failure, String label) {
        @Nullable Throwable cause = cause(failure);
        ApiException error = of(cause, 500);
        if (error.status() == 500 && !(cause instanceof ApiException)) {
            LOG.error("{} failed", label, cause);
        }
        return error;
    }

    private static ApiException of(@Nullable Throwable failure, int status) {
        if (failure instanceof ApiException api) {
            return api;
        }
        if (failure instanceof RejectedExecutionException) {
            // Only the threads of a server that ends take nothing any more.
            return ApiException.shuttingDown();
        }
        if (failure instanceof AdapterFormatException) {
            return new ApiException(400, INVALID, null, "invalid_adapter", String.valueOf(failure.getMessage()));
        }
        Optional<String> away = Optional.ofNullable(failure).flatMap(DiskFailure::away);
        if (away.isPresent()) {
            return new ApiException(503, "server_error", null, "storage_unavailable", "For now, " + away.get() + ".");
        }
        return Optional.ofNullable(failure)
                .flatMap(DiskFailure::notStored)
                .map(why -> new ApiException(
                        507,
                        "server_error",
                        null,
                        "insufficient_storage",
                        "The server could not store this: " + why
                                + ". Nothing has changed; make room on the disk of its"
                                + " data directory and try again."))
                .orElseGet(() -> byStatus(status));
    }

    private static ApiException byStatus(int status) {
        return switch (status) {
            case 400 -> wrong(400, "bad_request", "The request is not valid HTTP.");
            case 414 -> wrong(414, "url_too_long", "The URL is too long.");
            case 431 -> wrong(431, "headers_too_large", "The headers are larger than 16 kB.");
            case 505 -> wrong(505, "unknown_version", "This server speaks HTTP/1.1.");
            default ->
                status >= 400 && status < 500
                        ? wrong(status, "bad_request", "The request cannot be answered.")
                        : new ApiException(
                                500, "server_error", null, "internal_error", "The server failed; see its log.");
        };
    }

    /** @param setting that gives the limit */
    static ApiException tooLarge(long most, String setting) {
        return wrong(413, "body_too_large", "The body has more than " + most + " bytes, the limit of " + setting + ".");
    }

    static ApiException wrong(int status, String code, String message) {
        return new ApiException(status, INVALID, null, code, message);
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
