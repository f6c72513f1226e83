package io.tandem.server.api;

import org.jspecify.annotations.Nullable;

/** A request that is answered with OpenAI's error object. Expected, so it carries no stack trace. */
public final class ApiException extends RuntimeException {
    private final int status;
    private final String type;
    private final @Nullable String param;
    private final @Nullable String code;

    /**
     * @param status of HTTP
     * @param type OpenAI's, for example {@code invalid_request_error}
     * @param param the field that is wrong, or null
     * @param code for programs, for example {@code model_not_found}, or null
     * @param message for people: what is wrong, and what to do
     */
    public ApiException(int status, String type, @Nullable String param, @Nullable String code, String message) {
        super(message, null, false, false);
        this.status = status;
        this.type = type;
        this.param = param;
        this.code = code;
    }

    /** A field of the request is missing or wrong. */
    public static ApiException invalid(String param, String message) {
        return new ApiException(400, "invalid_request_error", param, null, message);
    }

    /** A list has nothing with the id after which a page should begin. */
    public static ApiException nothingAfter(@Nullable String id) {
        return invalid("after", "'after': nothing in this list has the id '" + id + "'.");
    }

    /** The server is about to end. */
    public static ApiException shuttingDown() {
        return new ApiException(503, "server_error", null, "shutting_down", "the server is shutting down");
    }

    /** The request asks for something that this server does not do, or does not know. */
    public static ApiException unsupported(String param, String message) {
        return new ApiException(400, "invalid_request_error", param, "unsupported_parameter", message);
    }

    /** What the request names does not exist. */
    public static ApiException notFound(String param, String code, String message) {
        return new ApiException(404, "invalid_request_error", param, code, message);
    }

    /** The server has as much to do as it takes; the same request may succeed later. */
    public static ApiException tooMany(String message) {
        return new ApiException(429, "rate_limit_error", null, "rate_limit_exceeded", message);
    }

    /** What the tenant may use is used up; waiting does not help, OpenAI's code for it says. */
    public static ApiException quotaExceeded(String message) {
        return new ApiException(429, "insufficient_quota", null, "insufficient_quota", message);
    }

    public int status() {
        return status;
    }

    public String type() {
        return type;
    }

    public @Nullable String param() {
        return param;
    }

    public @Nullable String code() {
        return code;
    }
}
