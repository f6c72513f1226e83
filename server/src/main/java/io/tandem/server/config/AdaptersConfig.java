package io.tandem.server.config;

/**
 * Where adapters live and how much of it they get.
 *
 * @param hostMemoryBytes of weights in memory, beside those that running requests use
 * @param diskBytes of all versions; what would not fit is refused; 0 means as much as there is
 * @param maxVersions kept of each adapter; older ones go
 * @param compressAfterSeconds without a request until an adapter is compressed and its original deleted; 0 means never
 * @param compressDensity share of the numbers that such a compression keeps
 * @param routingMargin by how much an adapter's score for a prompt must exceed its usual one for it to be chosen, as a share
 * @param sources adapters that are elsewhere
 */
public record AdaptersConfig(
        long hostMemoryBytes,
        long diskBytes,
        int maxVersions,
        double compressAfterSeconds,
        double compressDensity,
        double routingMargin,
        SourcesConfig sources) {
    private static final double ROUTING_MARGIN = 0.05;

    public static final AdaptersConfig DEFAULT = new AdaptersConfig(256L << 20, 0, 5, 0, 0.2);

    public AdaptersConfig {
        require(hostMemoryBytes >= 0, "host-memory-bytes", hostMemoryBytes, "0 or more");
        require(diskBytes >= 0, "disk-bytes", diskBytes, "0 or more");
        require(maxVersions >= 1, "max-versions", maxVersions, "1 or more");
        require(compressAfterSeconds >= 0, "compress-after", compressAfterSeconds, "0 or more seconds");
        require(
                compressDensity > 0 && compressDensity <= 1,
                "compress-density",
                compressDensity,
                "more than 0, at most 1");
        require(routingMargin >= 0 && routingMargin <= 1, "routing-margin", routingMargin, "0 to 1");
    }

    /** Without adapters that are elsewhere. */
    public AdaptersConfig(
            long hostMemoryBytes,
            long diskBytes,
            int maxVersions,
            double compressAfterSeconds,
            double compressDensity) {
        this(hostMemoryBytes, diskBytes, maxVersions, compressAfterSeconds, compressDensity, SourcesConfig.NONE);
    }

    /** With the usual margin. */
    public AdaptersConfig(
            long hostMemoryBytes,
            long diskBytes,
            int maxVersions,
            double compressAfterSeconds,
            double compressDensity,
            SourcesConfig sources) {
        this(hostMemoryBytes, diskBytes, maxVersions, compressAfterSeconds, compressDensity, ROUTING_MARGIN, sources);
    }

    private static void require(boolean holds, String key, Number found, String expected) {
        if (!holds) {
            throw new IllegalArgumentException("adapters." + key + " is " + found + ", expected " + expected);
        }
    }
}
