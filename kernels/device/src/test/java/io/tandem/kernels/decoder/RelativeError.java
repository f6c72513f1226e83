package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

/** How far numbers are from those that are expected, of all together and against the norm of these. */
final class RelativeError {
    private RelativeError() {}

    static double of(float[] expected, float[] found) {
        assertThat(found).hasSameSizeAs(expected);
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow(expected[i] - found[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return Math.sqrt(difference / norm);
    }
}
