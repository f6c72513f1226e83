package io.tandem.loadtest.simulation;

import java.util.random.RandomGenerator;

/** How long prompts and answers are. */
public enum Lengths {
    /** Short questions and answers of a sentence or two; the sample model's own kind. */
    SHORT(24, 0.6, 64, 0.8),
    /**
     * Like conversations in ShareGPT: prompts of 161 tokens and answers of 338 on average, which is what Kwon et al.
     * (2023, "Efficient Memory Management for Large Language Model Serving with PagedAttention", figure 11) measured.
     * The shape is ours, a log-normal one; its quantiles before {@link Size#cut} are
     *
     * <pre>
     *            10 %   50 %   90 %   99 %
     * prompts       8     52    357   1713
     * answers      45    185    756   2387
     * </pre>
     */
    SHARE_GPT(161, 1.5, 338, 1.1);

    private final double promptMean;
    private final double promptSigma;
    private final double answerMean;
    private final double answerSigma;

    Lengths(double promptMean, double promptSigma, double answerMean, double answerSigma) {
        this.promptMean = promptMean;
        this.promptSigma = promptSigma;
        this.answerMean = answerMean;
        this.answerSigma = answerSigma;
    }

    /** Tokens of one request. */
    public record Size(int promptTokens, int answerTokens) {

        /** Cuts prompts to half of a model's context, and answers to what they leave. */
        public Size cut(int contextTokens) {
            int prompt = Math.min(promptTokens, contextTokens / 2);
            return new Size(prompt, Math.min(answerTokens, contextTokens - prompt));
        }
    }

    public Size draw(RandomGenerator random) {
        return new Size(
                new LogNormal(promptMean, promptSigma).draw(random),
                new LogNormal(answerMean, answerSigma).draw(random));
    }
}
