package io.tandem.kernels.decoder;

import io.tandem.kernels.decoder.OptimizerArguments.Range;
import io.tandem.kernels.decoder.ScriptObjects.TraineeObject;
import io.tandem.kernels.tensor.TensorScope;

/** What is done to all banks of a trainee around a step; with some methods it takes time in proportion to the model. */
record BankWork(
        Piecework work,
        DecoderScript script,
        TensorScope scope,
        AdapterSlots adapters,
        int slot,
        TraineeObject trainee,
        int banks) {

    /**
     * Makes gradients those of the parameters.
     *
     * @param penalty as in {@link DecoderScript#finishGradients}
     */
    void finishGradients(double penalty) {
        work.add(banks, 1, (from, to) -> {
            try (TensorScope call = scope.open()) {
                script.finishGradients(call, trainee, new Range(from, to), penalty);
            }
        });
    }

    /** Copies what was learned into the slot. */
    void publish() {
        work.add(banks, 1, (from, to) -> {
            try (TensorScope call = scope.open()) {
                script.publish(call, adapters.value(), trainee, new Range(from, to));
            }
        });
        work.add(() -> adapters.changed(slot));
    }

    /** Zeros in the slot for banks that are not finite, at once. */
    void clearBroken() {
        try (TensorScope call = scope.open()) {
            script.clearBroken(call, adapters.value(), trainee);
        }
    }
}
