package io.tandem.kernels;

import io.tandem.kernels.model.Dtype;

/**
 * The forms in which a device keeps each frozen weight: which multiplies fastest depends on the number of rows. Both hold
 * the same numbers.
 *
 * @param few form for products of few rows
 * @param rows how many that are at most; {@link #OPEN} if it is to be measured on this machine
 * @param many form for more rows and for backward; the same as {@code few} where one form does both. A quantized weight is
 *     widened to the type of activations there
 */
public record WeightForms(WeightForm few, int rows, WeightForm many) {
    private static final int OPEN = -1;

    public WeightForms {
        boolean same = few == many;
        if (!same && !(few == WeightForm.FLOAT16 && many == WeightForm.PLAIN)) {
            throw new IllegalArgumentException("weights cannot be both " + few + " and " + many);
        }
    }

    /** One form alone. */
    public static WeightForms of(WeightForm form) {
        return new WeightForms(form, form.isQuantized() ? OPEN : 0, form);
    }

    /** Whether nothing is left to be chosen for this machine. */
    public boolean isChosen() {
        return few != WeightForm.AUTO && rows != OPEN;
    }

    /** Whether weights are rounded to float16 as they are read, so that both forms hold the same numbers. */
    public boolean roundsToFloat16() {
        return few == WeightForm.FLOAT16;
    }

    /** Memory of one weight in both forms. */
    public double bytesPerParameter(Dtype activations) {
        return few.bytesPerParameter(activations) + (few == many ? 0 : many.bytesPerParameter(activations));
    }

    /** Memory of one weight of an output layer that shares the embedding's numbers. */
    public double tiedBytesPerParameter(Dtype activations) {
        return bytesPerParameter(activations) - (many == WeightForm.PLAIN ? activations.bytes() : 0);
    }

    /** For example {@code float16 weights up to 64 rows, plain beyond}. */
    @Override
    public String toString() {
        if (few != many) {
            return few.label() + " weights up to " + rows + " rows, " + many.label() + " beyond";
        }
        return few.label() + " weights" + (few.isQuantized() && rows >= 0 ? ", widened beyond " + rows + " rows" : "");
    }
}
