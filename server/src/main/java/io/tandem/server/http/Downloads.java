package io.tandem.server.http;

import io.vertx.core.Future;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** Answers that are files. */
final class Downloads {
    private Downloads() {}

    /** Sends a file, or to HEAD its size. Ends when the client has it. */
    static Future<Void> send(RoutingContext context, Path file, String type) {
        HttpServerResponse response = context.response().putHeader("Content-Type", type);
        return isHead(context) ? endWithSize(response, file.toFile().length()) : response.sendFile(file.toString());
    }

    /** The same for an open file, which stays open. */
    static Future<Void> send(RoutingContext context, FileChannel file, String type) {
        HttpServerResponse response = context.response().putHeader("Content-Type", type);
        try {
            return isHead(context) ? endWithSize(response, file.size()) : response.sendFile(file);
        } catch (IOException e) {
            return Future.failedFuture(e);
        }
    }

    private static boolean isHead(RoutingContext context) {
        return context.request().method().equals(HttpMethod.HEAD);
    }

    private static Future<Void> endWithSize(HttpServerResponse response, long bytes) {
        return response.putHeader("Content-Length", Long.toString(bytes)).end();
    }
}
