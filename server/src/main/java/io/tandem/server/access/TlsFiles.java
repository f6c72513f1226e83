package io.tandem.server.access;

import io.tandem.server.config.TlsConfig;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The files of the server's certificate, which something else may replace, such as certbot or cert-manager. */
public final class TlsFiles {
    private static final Logger LOG = LoggerFactory.getLogger(TlsFiles.class);

    private final Vertx vertx;
    private final TlsConfig config;
    private volatile TlsCertificate current;
    private String problem = "";

    /** @throws IOException if they cannot be used */
    public TlsFiles(Vertx vertx, TlsConfig config) throws IOException {
        this.vertx = vertx;
        this.config = config;
        this.current = TlsCertificate.read(vertx, config);
        LOG.info("TLS with the {}", current);
    }

    public TlsCertificate current() {
        return current;
    }

    /** A new certificate, if there is one. As long as the files cannot be used, the old one stays. Waits for the disk. */
    public synchronized Optional<TlsCertificate> changed() {
        TlsCertificate read;
        try {
            read = TlsCertificate.read(vertx, config);
        } catch (IOException e) {
            if (!problem.equals(e.toString())) {
                problem = e.toString();
                LOG.warn("TLS goes on with the {}, because the new one cannot be used: {}", current, e.getMessage());
            }
            return Optional.empty();
        }
        problem = "";
        if (read.same(current)) {
            return Optional.empty();
        }
        current = read;
        LOG.info("TLS from now on with the {}", read);
        return Optional.of(read);
    }
}
