package io.tandem.server.config;

import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;

/**
 * Where the server listens, who may use it, and how much it takes at once.
 *
 * @param host name or address to listen on
 * @param port to listen on; 0 lets the system choose one
 * @param maxBodyBytes largest body of a request
 * @param maxUploadBytes largest file that a client may upload
 * @param uploadRate bytes per second of all uploads together while another tenant asks the model; 0 if there is no limit
 * @param unknownFields what happens to fields of requests for text that nothing reads
 * @param access who may use it
 * @param limits of connections
 */
public record HttpConfig(
        String host,
        int port,
        int maxBodyBytes,
        long maxUploadBytes,
        long uploadRate,
        OnUnknownField unknownFields,
        HttpAccess access,
        HttpLimits limits) {

    /** What happens to a field that nothing reads. */
    public enum OnUnknownField {
        /** It is listed in a header of the answer. */
        IGNORE,
        /** The request fails. */
        REFUSE
    }

    public static final long UPLOAD_RATE = 16 << 20;

    private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]");

    public HttpConfig {
        require(!host.isBlank(), "host", host, "a name or an address");
        require(port >= 0 && port <= 65535, "port", port, "0 to 65535");
        require(maxBodyBytes >= 1024, "max-body-bytes", maxBodyBytes, "1024 or more");
        require(maxUploadBytes >= 1024, "max-upload-bytes", maxUploadBytes, "1024 or more");
        require(uploadRate == 0 || uploadRate >= 1 << 20, "upload-rate", uploadRate, "0 or 1048576 or more");
    }

    private static void require(boolean holds, String key, Object found, String expected) {
        if (!holds) {
            throw new IllegalArgumentException("http." + key + " is " + found + ", expected " + expected);
        }
    }

    /** Every name that requests may address the server by, as {@link Authority} writes them. */
    public Set<String> knownHosts() {
        Set<String> known = new LinkedHashSet<>(LOOPBACK);
        known.add(HttpAccess.bracketed(host.toLowerCase(Locale.ROOT)));
        known.addAll(access.hosts());
        return known;
    }
}
