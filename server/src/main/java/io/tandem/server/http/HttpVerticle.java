package io.tandem.server.http;

import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;

/** One event loop's share of the HTTP server. */
public final class HttpVerticle extends VerticleBase {
    private static final int MAX_HEADER_BYTES = 16 << 10;

    private final String host;
    private final int port;
    private final Routes.Targets targets;
    private volatile int listeningPort;

    /** @param host address to listen on */
    public HttpVerticle(String host, int port, Routes.Targets targets) {
        this.host = host;
        this.port = port;
        this.targets = targets;
    }

    @Override
    public Future<HttpServer> start() {
        // Java's client asks to switch a plain connection to HTTP/2 with its first request; now and then the answer to
        // that request never arrived. Who does not get the switch stays with HTTP/1.1.
        HttpServerOptions options = new HttpServerOptions()
                .setHost(host)
                .setPort(port)
                .setMaxHeaderSize(MAX_HEADER_BYTES)
                .setHttp2ClearTextEnabled(false);
        return vertx.createHttpServer(options)
                .requestHandler(Routes.handler(vertx, targets))
                .invalidRequestHandler(ErrorMapper::invalid)
                .listen()
                .onSuccess(server -> listeningPort = server.actualPort());
    }

    /** The port that it listens on, once it is deployed. */
    public int port() {
        return listeningPort;
    }
}
