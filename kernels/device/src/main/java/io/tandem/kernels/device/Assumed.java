package io.tandem.kernels.device;

/**
 * What the code assumes about every processor, because the right value was too expensive to measure at start, with the
 * measurement behind it. {@link DeviceProfile} measures the rest.
 */
public final class Assumed {
    /**
     * Bytes of weights that a lane may read again for each row of an iteration: that takes as long as what a row gains
     * where threads do not wait for each other. With 17 MB of weights 8 streams gain 6 %; with 270 MB, 8 streams lose a
     * quarter and 32 break even.
     */
    public static final long LANE_WEIGHT_BYTES_PER_ROW = 8 << 20;

    /**
     * The same for quantized weights. Each lane widens all of them for itself, which takes as long as the products of some
     * 90 rows, so only hundreds of rows make up for it.
     */
    public static final long LANE_QUANTIZED_WEIGHT_BYTES_PER_ROW = LANE_WEIGHT_BYTES_PER_ROW / 32;

    /**
     * Weights that stay in the processor's cache. With them a second thread gains nothing in any operation. It would only
     * be in the way: OpenMP's workers spin for milliseconds after each operation, on a core that a lane needs.
     */
    public static final long CACHED_WEIGHT_BYTES = 32 << 20;

    /**
     * Parameters of an adapter that are updated at once, so that what the update reads and writes stays in a core's cache.
     * With fewer, starting operations takes a third of the time; more gain nothing. A whole number of blocks.
     */
    public static final int REGION_PARAMETERS = 1 << 16;

    /** Keys that attention reads in the time that starting another operation takes. */
    public static final int KEYS_PER_OPERATION = 128;

    /**
     * Numbers of neighbouring key heads that attention reads as one where that is faster. The queries of a head have zeros
     * where the others are, which costs more in products the more heads there are.
     */
    public static final int JOINED_NUMBERS = 256;

    private Assumed() {}
}
