package io.tandem.server.config;

import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Which tokens of another service count as keys.
 *
 * @param issuer that they name
 * @param audience that they are for
 * @param keys where the issuer's public keys are: a JWKS document at an address, or in a file
 * @param tenantClaim with the id of the tenant
 * @param roleClaim with the role, or a list with several
 */
public record JwtConfig(String issuer, String audience, URI keys, String tenantClaim, String roleClaim) {
    public JwtConfig {
        String scheme = String.valueOf(keys.getScheme());
        boolean local = "localhost".equals(keys.getHost()) || "127.0.0.1".equals(keys.getHost());
        // Whoever can change this document can make tokens for everything.
        if (!scheme.equals("https") && !scheme.equals("file") && !(scheme.equals("http") && local)) {
            throw new IllegalArgumentException(
                    "jwt.jwks is " + keys + ", expected an https:// address or the path of a file");
        }
    }

    static Optional<JwtConfig> of(
            Optional<String> issuer,
            Optional<String> audience,
            Optional<String> keys,
            String tenantClaim,
            String roleClaim) {
        boolean all = issuer.isPresent() && audience.isPresent() && keys.isPresent();
        if (!all && (issuer.isPresent() || audience.isPresent() || keys.isPresent())) {
            String set = issuer.isPresent() ? "jwt.issuer" : audience.isPresent() ? "jwt.audience" : "jwt.jwks";
            throw new IllegalArgumentException(
                    set + " is set, expected jwt.issuer, jwt.audience and jwt.jwks together");
        }
        return issuer.map(name ->
                new JwtConfig(name, audience.orElseThrow(), address(keys.orElseThrow()), tenantClaim, roleClaim));
    }

    private static URI address(String text) {
        try {
            return text.contains("://")
                    ? URI.create(text)
                    : Path.of(text).toAbsolutePath().toUri();
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("jwt.jwks is " + text + ", expected an address or a path", e);
        }
    }
}
