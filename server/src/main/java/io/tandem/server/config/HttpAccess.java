package io.tandem.server.config;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Who may use the server.
 *
 * @param hosts names, beside the loopback ones and {@code http.host}, that requests may address the server by
 * @param corsOrigins other origins whose pages may use the server
 * @param apiKey that every request has to carry, if there is one
 * @param allowAnonymous whether other machines may use the server without a key
 * @param tls what connections are encrypted with, if they are
 * @param jwt which tokens count as keys, if any do
 */
public record HttpAccess(
        Set<String> hosts,
        Set<WebOrigin> corsOrigins,
        Optional<ApiKey> apiKey,
        boolean allowAnonymous,
        Optional<TlsConfig> tls,
        Optional<JwtConfig> jwt) {

    /** For programs on the same machine. */
    public static final HttpAccess LOCAL = new HttpAccess(Set.of(), Set.of(), Optional.empty(), false);

    /** Without TLS and tokens. */
    public HttpAccess(Set<String> hosts, Set<WebOrigin> corsOrigins, Optional<ApiKey> apiKey, boolean allowAnonymous) {
        this(hosts, corsOrigins, apiKey, allowAnonymous, Optional.empty(), Optional.empty());
    }

    /**
     * @param hosts names or addresses without a port
     * @param corsOrigins for example {@code https://chat.example}
     */
    static HttpAccess of(
            List<String> hosts,
            List<String> corsOrigins,
            Optional<ApiKey> apiKey,
            boolean allowAnonymous,
            Optional<TlsConfig> tls,
            Optional<JwtConfig> jwt) {
        return new HttpAccess(
                hosts.stream().map(HttpAccess::host).collect(Collectors.toCollection(LinkedHashSet::new)),
                corsOrigins.stream().map(HttpAccess::origin).collect(Collectors.toCollection(LinkedHashSet::new)),
                apiKey,
                allowAnonymous,
                tls,
                jwt);
    }

    private static String host(String text) {
        return Authority.parse(bracketed(text))
                .filter(authority -> authority.port() < 0)
                .map(Authority::host)
                .orElseThrow(() -> new IllegalArgumentException("http.hosts has \"" + text
                        + "\", expected names or addresses without a scheme and a port, for example tandem.example"));
    }

    /** An address in brackets if it is an IPv6 one, as Host headers have it. */
    public static String bracketed(String host) {
        boolean bare = host.indexOf(':') != host.lastIndexOf(':') && !host.startsWith("[");
        return bare ? "[" + host + "]" : host;
    }

    private static WebOrigin origin(String text) {
        return WebOrigin.parse(text)
                .orElseThrow(() -> new IllegalArgumentException("http.cors-origins has \"" + text
                        + "\", expected origins without a path, for example https://chat.example"));
    }
}
