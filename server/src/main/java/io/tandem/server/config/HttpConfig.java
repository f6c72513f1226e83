package io.tandem.server.config;

/**
 * Where the server listens and how much it takes at once.
 *
 * @param host name or address to listen on
 * @param port to listen on; 0 lets the system choose one
 * @param maxBodyBytes largest body of a request
 * @param maxUploadBytes largest file that a client may upload
 */
public record HttpConfig(String host, int port, int maxBodyBytes, long maxUploadBytes) {

    public HttpConfig {
        require(!host.isBlank(), "host", host, "a name or an address");
        require(port >= 0 && port <= 65535, "port", port, "0 to 65535");
        require(maxBodyBytes >= 1024, "max-body-bytes", maxBodyBytes, "1024 or more");
        require(maxUploadBytes >= 1024, "max-upload-bytes", maxUploadBytes, "1024 or more");
    }

    private static void require(boolean holds, String key, Object found, String expected) {
        if (!holds) {
            throw new IllegalArgumentException("http." + key + " is " + found + ", expected " + expected);
        }
    }
}
