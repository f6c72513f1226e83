package io.tandem.scheduler.inference;

import io.tandem.kernels.IterationOutputs.Draw;
import java.util.OptionalLong;

/**
 * Where a request's tokens go. Called on the engine thread, so it must neither block nor throw; every accepted request
 * gets exactly one {@link #finish}, after its last token.
 */
public interface TokenSink {
    void token(Draw draw);

    /** The next token of the prompt, from the second one on, if the request asks for their log-probabilities. */
    void promptToken(Draw draw);

    /**
     * What each layer's attention and MLP got of some of the prompt's tokens, if the request asks for it, in order; {@code
     * [tokens, layers, 2, hidden]}.
     */
    default void observed(float[] inputs) {}

    /** The hidden state of the prompt's last token, if the request asks for it. */
    void state(float[] state);

    void finish(Finish finish);

    /**
     * The end of a request.
     *
     * @param reason how it ended
     * @param promptTokens length of the prompt
     * @param cachedTokens how many of those were reused from an earlier request
     * @param completionTokens how many tokens were delivered
     * @param message what failed, for people; empty unless {@link FinishReason#FAILED},
     *     {@link FinishReason#SHUT_DOWN}, {@link FinishReason#BROKEN_ADAPTER},
     *     {@link FinishReason#BROKEN_CONSTRAINT} or {@link FinishReason#DISPLACED}
     * @param course when what happened
     */
    record Finish(
            FinishReason reason,
            int promptTokens,
            int cachedTokens,
            int completionTokens,
            String message,
            Course course) {}

    /**
     * When what happened to a request, in nanoseconds of the engine's clock.
     *
     * @param arrived when the engine got it
     * @param scheduled beginning of the first iteration that carried rows of it, if there was one
     * @param firstToken when that came, if it did
     */
    record Course(long arrived, OptionalLong scheduled, OptionalLong firstToken) {
        /** Of a request that has not ended. */
        public static final Course NONE = new Course(0, OptionalLong.empty(), OptionalLong.empty());
    }
}
