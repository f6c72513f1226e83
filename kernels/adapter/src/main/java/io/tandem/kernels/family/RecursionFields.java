package io.tandem.kernels.family;

import io.tandem.kernels.model.Recursion;
import io.tandem.kernels.weights.JsonFields;

/**
 * The keys that a recursive model has beside those of the model that it was made of. No other program knows the model type, so
 * none reads the block as a whole model.
 */
public final class RecursionFields {
    /** The object with the others. */
    public static final String KEY = "recursion";

    public static final String MODEL_TYPE = "recursive";
    /** What {@code architectures} says instead of the original's. */
    public static final String CLASS = "RecursiveForCausalLM";

    /** The original's. */
    public static final String ARCHITECTURE = "architecture";

    public static final String LOOPS = "loops";
    public static final String RANK = "rank";

    private static final int MAX_RANK = 1 << 20;

    private RecursionFields() {}

    static Recursion read(JsonFields json, int layers) {
        int loops = json.integer(LOOPS, 2, layers);
        if (layers % loops != 0) {
            throw json.refuse(LOOPS, "a divisor of the " + layers + " layers");
        }
        return new Recursion(loops, json.integer(RANK, 0, MAX_RANK));
    }
}
