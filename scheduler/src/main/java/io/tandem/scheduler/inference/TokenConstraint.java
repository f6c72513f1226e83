package io.tandem.scheduler.inference;

/**
 * Which tokens an answer may have next. It belongs to one answer. {@link #next} and {@link #accept} are called on the
 * engine thread and must not wait: what takes long is computed elsewhere, and meanwhile the answer stands still while
 * all others go on.
 */
public interface TokenConstraint {
    /** What may follow the tokens so far. */
    sealed interface Next {
        /** Still being computed. */
        record Pending() implements Next {}

        /** One of these tokens, as bits, in the shape of {@code IterationInputs.Sampling}; tokens that end it included. */
        record OneOf(long[] tokens) implements Next {}

        /** Nothing: the answer is complete. */
        record Nothing() implements Next {}

        /**
         * The answer cannot go on.
         *
         * @param ofRequest whether the request asks for what is not possible; otherwise something is wrong here
         * @param message for people
         */
        record Failed(boolean ofRequest, String message) implements Next {}
    }

    Next next();

    /** The answer has another token. */
    void accept(int token);

    /**
     * @param listener is run, on any thread, each time something else than {@link Next.Pending} has been computed; it must
     *     not wait either
     */
    void onComputed(Runnable listener);
}
