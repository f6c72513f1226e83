package io.tandem.server.http;

import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import org.jspecify.annotations.Nullable;

/** One event loop's share of the HTTP server. */
public final class HttpVerticle extends VerticleBase {
    private static final int MAX_HEADER_BYTES = 16 << 10;

    private final String host;
    private final int port;
    private final Routes.Targets targets;
    private final int eventLoops;
    private volatile int listeningPort;
    private volatile @Nullable Connections connections;

    /**
     * @param host address to listen on
     * @param eventLoops that listen there
     */
    public HttpVerticle(String host, int port, Routes.Targets targets, int eventLoops) {
        this.host = host;
        this.port = port;
        this.targets = targets;
        this.eventLoops = eventLoops;
    }

    @Override
    public Future<HttpServer> start() {
        Connections own = new Connections(vertx, targets.http().limits(), eventLoops);
        connections = own;
        return vertx.createHttpServer(options().setHost(host).setPort(port))
                .connectionHandler(own::opened)
                .requestHandler(own.around(Routes.handler(vertx, targets)))
                .invalidRequestHandler(ErrorMapper::invalid)
                .listen()
                .onSuccess(server -> listeningPort = server.actualPort());
    }

    static HttpServerOptions options() {
        // Java's client asks to switch a plain connection to HTTP/2 with its first request; now and then the answer to
        // that request never arrived. Who does not get the switch stays with HTTP/1.1. And a connection that might
        // become HTTP/2 is not announced before its first byte, so that nobody could close it.
        return new HttpServerOptions().setMaxHeaderSize(MAX_HEADER_BYTES).setHttp2ClearTextEnabled(false);
    }

    /** Requests that have no whole answer yet. */
    public int busy() {
        @Nullable Connections own = connections;
        return own == null ? 0 : own.busy();
    }

    /** The port that it listens on, once it is deployed. */
    public int port() {
        return listeningPort;
    }
}
