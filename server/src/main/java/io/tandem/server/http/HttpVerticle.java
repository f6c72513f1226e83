package io.tandem.server.http;

import io.tandem.server.access.TlsCertificate;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.ServerSSLOptions;
import io.vertx.core.tracing.TracingPolicy;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** One event loop's share of the HTTP server. */
public final class HttpVerticle extends VerticleBase {
    private static final int MAX_HEADER_BYTES = 16 << 10;

    private final String host;
    private final int port;
    private final Routes.Targets targets;
    private final int eventLoops;
    private final Optional<TlsCertificate> tls;
    private volatile int listeningPort;
    private volatile @Nullable Connections connections;
    private volatile @Nullable HttpServer server;

    /**
     * @param host address to listen on
     * @param tls what connections are encrypted with
     * @param eventLoops that listen there
     */
    public HttpVerticle(String host, int port, Optional<TlsCertificate> tls, Routes.Targets targets, int eventLoops) {
        this.tls = tls;
        this.host = host;
        this.port = port;
        this.targets = targets;
        this.eventLoops = eventLoops;
    }

    @Override
    public Future<HttpServer> start() {
        Connections own = new Connections(vertx, targets.http().limits(), eventLoops, targets.accessLog());
        connections = own;
        HttpServerOptions options = options().setHost(host).setPort(port);
        tls.ifPresent(certificate -> options.setSsl(true).setKeyCertOptions(certificate.pem()));
        HttpServer created = vertx.createHttpServer(options);
        server = created;
        return created.connectionHandler(own::opened)
                .requestHandler(own.around(Routes.handler(vertx, targets)))
                .invalidRequestHandler(ErrorMapper::invalid)
                .listen()
                .onSuccess(listening -> listeningPort = listening.actualPort());
    }

    static HttpServerOptions options() {
        // Java's client asks to switch a plain connection to HTTP/2 with its first request; now and then the answer to
        // that request never arrived. Who does not get the switch stays with HTTP/1.1. And a connection that might
        // become HTTP/2 is not announced before its first byte, so that nobody could close it.
        return new HttpServerOptions()
                .setMaxHeaderSize(MAX_HEADER_BYTES)
                .setHttp2ClearTextEnabled(false)
                // Also of requests that are part of no client's trace.
                .setTracingPolicy(TracingPolicy.ALWAYS)
                .setUseAlpn(false);
    }

    /** Encrypts new connections with another certificate; those that are open stay as they are. */
    public Future<?> use(TlsCertificate certificate) {
        @Nullable HttpServer own = server;
        return own == null
                ? Future.succeededFuture()
                : own.updateSSLOptions(new ServerSSLOptions().setKeyCertOptions(certificate.pem()));
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
