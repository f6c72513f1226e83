package io.tandem.server.config;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a page comes from, as browsers say it in the Origin header. Desktop applications have schemes of their own.
 *
 * @param scheme in lower case
 * @param authority with a port if the scheme has a standard one
 */
public record WebOrigin(String scheme, Authority authority) {
    private static final Pattern SYNTAX = Pattern.compile("([a-z][a-z0-9+.-]*)://(.*)");

    /** Empty for {@code null}, for {@code *} and for whatever has more than a scheme, a host and a port. */
    public static Optional<WebOrigin> parse(String text) {
        Matcher parts = SYNTAX.matcher(text.toLowerCase(Locale.ROOT));
        if (!parts.matches()) {
            return Optional.empty();
        }
        String scheme = parts.group(1);
        return Authority.parse(parts.group(2))
                .map(authority -> new WebOrigin(scheme, authority.orPort(standardPort(scheme))));
    }

    private static int standardPort(String scheme) {
        return switch (scheme) {
            case "http" -> 80;
            case "https" -> 443;
            default -> -1;
        };
    }

    /** Whether pages of this origin come from the server that a Host header names, with or without TLS in front of it. */
    public boolean isServedBy(Authority host) {
        return (scheme.equals("http") || scheme.equals("https")) && authority.equals(host.orPort(standardPort(scheme)));
    }
}
