package io.tandem.server.config;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A host and a port, as in a Host header or an origin.
 *
 * @param host in lower case, without a dot at its end; IPv6 addresses are in brackets
 * @param port -1 if none is given
 */
public record Authority(String host, int port) {
    private static final int MAX_PORT = 65535;
    private static final Pattern SYNTAX = Pattern.compile("(\\[[0-9a-f:.]+]|[a-z0-9._-]+)(?::([0-9]{0,5}))?");

    /** Empty if the text is anything else than a host with or without a port. */
    public static Optional<Authority> parse(String text) {
        Matcher parts = SYNTAX.matcher(text.toLowerCase(Locale.ROOT));
        if (!parts.matches()) {
            return Optional.empty();
        }
        String host = parts.group(1);
        String digits = parts.group(2);
        int port = digits == null || digits.isEmpty() ? -1 : Integer.parseInt(digits);
        String name = host.endsWith(".") ? host.substring(0, host.length() - 1) : host;
        return name.isEmpty() || port > MAX_PORT ? Optional.empty() : Optional.of(new Authority(name, port));
    }

    /** With this port if it has none. */
    public Authority orPort(int standard) {
        return port >= 0 ? this : new Authority(host, standard);
    }
}
