package io.tandem.server.config;

/**
 * What connections may take, in number and in seconds.
 *
 * @param maxConnections open at once
 * @param idleSeconds without a request, counted until the next one's headers are complete
 * @param bodySeconds in which at least 64 KiB of a body, or its end, have to come
 * @param writeSeconds in which a client has to take something of what was written to it
 */
public record HttpLimits(int maxConnections, int idleSeconds, int bodySeconds, int writeSeconds) {
    public static final HttpLimits DEFAULT = new HttpLimits(4096, 60, 30, 60);

    private static final int MAX_SECONDS = 86_400;

    public HttpLimits {
        require(maxConnections >= 1 && maxConnections <= 1_000_000, "max-connections", maxConnections, "1 to 1000000");
        seconds("idle-timeout", idleSeconds);
        seconds("body-timeout", bodySeconds);
        seconds("write-timeout", writeSeconds);
    }

    private static void seconds(String key, int found) {
        require(found >= 1 && found <= MAX_SECONDS, key, found, "1 to " + MAX_SECONDS + " seconds");
    }

    private static void require(boolean holds, String key, int found, String expected) {
        if (!holds) {
            throw new IllegalArgumentException("http." + key + " is " + found + ", expected " + expected);
        }
    }
}
