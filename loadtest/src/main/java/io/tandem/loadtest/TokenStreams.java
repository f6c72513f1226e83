package io.tandem.loadtest;

import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.file.FileSystemOptions;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.parsetools.RecordParser;
import java.io.IOException;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * Reads many streams of tokens on one event loop, so that many of one client delay no other client's. Who measures a machine that also
 * serves takes as little of it as possible: no thread for each stream, and no look at what is in an event.
 */
final class TokenStreams {
    /** The chunk that says why an answer ended has no token. */
    private static final String LAST_CHUNK = "\"finish_reason\":\"";

    private static final int MOST_CONNECTIONS = 2_000;
    /** Clients take them in turns. */
    private static final int EVENT_LOOPS = 4;

    private static final Vertx VERTX = vertx();

    private final HttpClient client = VERTX.httpClientBuilder()
            .with(new PoolOptions().setHttp1MaxSize(MOST_CONNECTIONS).setEventLoopSize(1))
            .build();

    private static Vertx vertx() {
        // Nothing is read from the class path, so no cache of it is left behind by those that are killed.
        FileSystemOptions noCache =
                new FileSystemOptions().setClassPathResolvingEnabled(false).setFileCachingEnabled(false);
        return Vertx.vertx(new VertxOptions()
                .setEventLoopPoolSize(EVENT_LOOPS)
                .setUseDaemonThread(true)
                .setFileSystemOptions(noCache));
    }

    /**
     * Sends a request for a stream.
     *
     * @param authorization what a server with keys wants to see
     * @param tokens gets the time of each token in nanoseconds, on the event loop
     * @return the head of the answer, when the last token has come
     */
    Future<MultiMap> open(String url, Optional<String> authorization, String body, LongConsumer tokens) {
        RequestOptions options = new RequestOptions()
                .setMethod(HttpMethod.POST)
                .setAbsoluteURI(url)
                .putHeader("Content-Type", "application/json");
        authorization.ifPresent(header -> options.putHeader("Authorization", header));
        return client.request(options)
                .compose(request -> request.send(Buffer.buffer(body)))
                .compose(response -> read(url, response, tokens));
    }

    /** Breaks off those that are open. */
    void close() {
        client.close();
    }

    private static Future<MultiMap> read(String url, HttpClientResponse response, LongConsumer tokens) {
        if (response.statusCode() != 200) {
            return Future.failedFuture(
                    new StatusException(url + " answers " + response.statusCode(), response.statusCode()));
        }
        Promise<MultiMap> done = Promise.promise();
        response.exceptionHandler(failure -> done.tryFail(new IOException(url + " breaks off", failure)));
        response.endHandler(nothing -> done.tryComplete(response.headers()));
        response.handler(RecordParser.newDelimited("\n", line -> {
            String text = line.toString();
            if (text.startsWith("data: {\"error\"")) {
                done.tryFail(new IOException(url + " breaks off: " + text));
            } else if (text.startsWith("data: {") && !text.contains(LAST_CHUNK)) {
                tokens.accept(System.nanoTime());
            }
        }));
        return done.future();
    }
}
