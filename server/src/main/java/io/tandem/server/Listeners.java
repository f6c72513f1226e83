package io.tandem.server;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import io.tandem.server.access.TlsCertificate;
import io.tandem.server.access.TlsFiles;
import io.tandem.server.access.Tokens;
import io.tandem.server.config.HttpConfig;
import io.tandem.server.http.HttpVerticle;
import io.tandem.server.http.Routes;
import io.tandem.server.tenant.Tenants;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The HTTP server on its event loops, and the files of others that it follows: certificates, and keys of tokens. */
final class Listeners {
    private static final Logger LOG = LoggerFactory.getLogger(Listeners.class);
    private static final int EVENT_LOOPS = 2;
    private static final long WAIT_SECONDS = 20;
    private static final long CERTIFICATE_MILLIS = 2_000;
    private static final long KEYS_MILLIS = 60_000;

    private final Vertx vertx;
    private final HttpConfig config;
    private final Optional<TlsFiles> tls;
    private final Optional<Tokens> tokens;
    private List<HttpVerticle> verticles = List.of();

    /** @throws IOException if the certificate or a file with keys cannot be used */
    Listeners(Vertx vertx, HttpConfig config, Tenants tenants, MeterRegistry meters) throws IOException {
        this.vertx = vertx;
        this.config = config;
        this.tls = config.access().tls().isPresent()
                ? Optional.of(new TlsFiles(vertx, config.access().tls().get()))
                : Optional.empty();
        this.tokens = config.access().jwt().isPresent()
                ? Optional.of(new Tokens(vertx, config.access().jwt().get(), tenants))
                : Optional.empty();
        tls.ifPresent(files -> TimeGauge.builder(
                        "tandem.tls.certificate.end",
                        files,
                        TimeUnit.SECONDS,
                        own -> own.current().end().getEpochSecond())
                .description("when the certificate expires, in seconds since 1970")
                .register(meters));
    }

    Optional<Tokens> tokens() {
        return tokens;
    }

    /** What its URLs begin with. */
    String scheme() {
        return tls.isPresent() ? "https" : "http";
    }

    /** @throws IOException if the port is taken */
    void listen(String address, Routes.Targets targets) throws IOException {
        // Event loops share a port that the system chooses only if they ask for it by the same negative number.
        int port = config.port() == 0 ? -1 : config.port();
        verticles = Stream.generate(
                        () -> new HttpVerticle(address, port, tls.map(TlsFiles::current), targets, EVENT_LOOPS))
                .limit(EVENT_LOOPS)
                .toList();
        try {
            for (HttpVerticle verticle : verticles) {
                await(vertx.deployVerticle(verticle));
            }
        } catch (IOException e) {
            throw ListenAddress.taken(address, config.port(), e);
        }
        tls.ifPresent(files -> vertx.setPeriodic(
                CERTIFICATE_MILLIS,
                timer -> vertx.executeBlocking(files::changed).onSuccess(changed -> changed.ifPresent(this::use))));
        tokens.ifPresent(issued -> vertx.setPeriodic(
                KEYS_MILLIS,
                timer -> vertx.executeBlocking(() -> {
                    issued.refresh();
                    return null;
                })));
    }

    private void use(TlsCertificate certificate) {
        for (HttpVerticle verticle : verticles) {
            verticle.use(certificate).onFailure(failure -> LOG.warn("{} cannot be used", certificate, failure));
        }
    }

    int port() {
        return verticles.get(0).port();
    }

    /** Requests that have no whole answer yet. */
    int busy() {
        return verticles.stream().mapToInt(HttpVerticle::busy).sum();
    }

    /** Waits for what does not take long. */
    static void await(Future<?> future) throws IOException {
        try {
            future.toCompletionStage().toCompletableFuture().get(WAIT_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException | TimeoutException e) {
            throw new IOException("the HTTP server does not start", e);
        } catch (ExecutionException e) {
            throw new IOException(
                    String.valueOf(e.getCause() == null ? e : e.getCause().getMessage()), e);
        }
    }
}
