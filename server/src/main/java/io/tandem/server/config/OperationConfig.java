package io.tandem.server.config;

/**
 * How the server ends, and how it watches itself.
 *
 * @param drainSeconds that what runs may take to end when the server is stopped
 * @param stallSeconds that an iteration may take before it counts as standing still; 0 watches nothing
 * @param accessLog whether each request gets a line in the log
 */
public record OperationConfig(int drainSeconds, double stallSeconds, boolean accessLog) {
    public static final OperationConfig DEFAULT = new OperationConfig(30, 60, false);

    private static final int MAX_SECONDS = 86_400;

    public OperationConfig {
        if (drainSeconds < 0 || drainSeconds > MAX_SECONDS) {
            throw new IllegalArgumentException(
                    "server.drain-timeout is " + drainSeconds + ", expected 0 to " + MAX_SECONDS + " seconds");
        }
        if (!(stallSeconds >= 0 && stallSeconds <= MAX_SECONDS)) {
            throw new IllegalArgumentException(
                    "server.stall-timeout is " + stallSeconds + ", expected 0 to " + MAX_SECONDS + " seconds");
        }
    }
}
