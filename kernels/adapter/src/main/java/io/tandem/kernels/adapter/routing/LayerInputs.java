package io.tandem.kernels.adapter.routing;

/**
 * What the attention and the MLP of each layer got of some tokens, each scaled to the length 1, so that no layer and no
 * token outweighs another.
 */
public final class LayerInputs {
    /** Of a layer. */
    private static final int PLACES = 2;

    private final float[] values;
    private final int layers;
    private final int hidden;

    /** @param values {@code [tokens, layers, 2, hidden]}: of attention, then of the MLP; scaled in place, as they may be many */
    public LayerInputs(float[] values, int layers, int hidden) {
        if (values.length % (layers * PLACES * hidden) != 0) {
            throw new IllegalArgumentException(
                    values.length + " numbers, expected [tokens, " + layers + ", 2, " + hidden + "]");
        }
        this.values = values;
        this.layers = layers;
        this.hidden = hidden;
        for (int start = 0; start < values.length; start += hidden) {
            scale(start);
        }
    }

    private void scale(int start) {
        double squares = 0;
        for (int i = start; i < start + hidden; i++) {
            squares += (double) values[i] * values[i];
        }
        float scale = squares == 0 ? 0 : (float) (1 / Math.sqrt(squares));
        for (int i = start; i < start + hidden; i++) {
            values[i] *= scale;
        }
    }

    int tokens() {
        return values.length / (layers * PLACES * hidden);
    }

    /**
     * How much of a token's input lies in a direction: the product of two vectors of length 1, whatever its sign.
     *
     * @param place 0 for attention, 1 for the MLP
     */
    double along(float[] direction, int token, int layer, int place) {
        int start = ((token * layers + layer) * PLACES + place) * hidden;
        // Four sums do not wait for each other.
        float a = 0;
        float b = 0;
        float c = 0;
        float d = 0;
        int i = 0;
        for (; i + 4 <= hidden; i += 4) {
            a += values[start + i] * direction[i];
            b += values[start + i + 1] * direction[i + 1];
            c += values[start + i + 2] * direction[i + 2];
            d += values[start + i + 3] * direction[i + 3];
        }
        for (; i < hidden; i++) {
            a += values[start + i] * direction[i];
        }
        return Math.abs(a + b + c + d);
    }
}
