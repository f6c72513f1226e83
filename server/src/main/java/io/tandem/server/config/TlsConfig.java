package io.tandem.server.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What the server proves with who it is.
 *
 * @param certificate PEM file with the certificate, then those of its issuers
 * @param key PEM file with its private key, not encrypted
 */
public record TlsConfig(Path certificate, Path key) {
    static Optional<TlsConfig> of(Optional<String> certificate, Optional<String> key) {
        if (certificate.isPresent() != key.isPresent()) {
            String set = certificate.isPresent() ? "tls.certificate" : "tls.key";
            throw new IllegalArgumentException(set + " is set alone, expected tls.certificate and tls.key together");
        }
        return certificate.map(file -> new TlsConfig(Path.of(file), Path.of(key.orElseThrow())));
    }
}
