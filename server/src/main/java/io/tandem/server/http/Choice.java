package io.tandem.server.http;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.TokenSink.Course;
import io.tandem.scheduler.inference.TokenSink.Finish;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.text.StopMatcher;
import io.tandem.server.text.Tokenizer.Detokenizer;
import java.util.ArrayList;
import java.util.List;

/** One of a request's answers while it grows. Belongs to the request's event loop. */
final class Choice {
    private final int index;
    private final int promptIndex;
    private final long requestId;
    private final EncodedPrompt prompt;
    private final Detokenizer detokenizer;
    private final StopMatcher stops;
    private final int minTokens;
    private final boolean recorded;
    private final StringBuilder text = new StringBuilder();
    private final List<Draw> promptDraws = new ArrayList<>();
    private final List<Draw> draws = new ArrayList<>();
    private List<Draw> fresh = new ArrayList<>();
    private boolean begun;
    private boolean written;
    private int tokens;
    private int early;
    private double logprobs;
    private int scoredChars;
    private String finishReason = "";
    private Finish usage = new Finish(FinishReason.CANCELLED, 0, 0, 0, "", Course.NONE);

    Choice(
            int index,
            int promptIndex,
            long requestId,
            EncodedPrompt prompt,
            Detokenizer detokenizer,
            GenerationParams params) {
        this.index = index;
        this.promptIndex = promptIndex;
        this.requestId = requestId;
        this.prompt = prompt;
        this.detokenizer = detokenizer;
        this.stops = new StopMatcher(params.stop().texts(), params.stop().included());
        this.minTokens = params.stop().minTokens();
        this.recorded = params.sampling().topLogprobs() >= 0 || params.output().tokenIds();
    }

    int index() {
        return index;
    }

    int promptIndex() {
        return promptIndex;
    }

    /** The engine's number for it. */
    long requestId() {
        return requestId;
    }

    EncodedPrompt prompt() {
        return prompt;
    }

    /** Whether this is the first that is written of it; true once. */
    boolean opens() {
        boolean first = !written;
        written = true;
        return first;
    }

    /** Takes the next token of the prompt with its log-probabilities. */
    void acceptPrompt(Draw draw) {
        promptDraws.add(draw);
    }

    /** Takes a token; returns the text that can be shown now. */
    String accept(Draw draw) {
        tokens++;
        early += draw.leftEarly() ? 1 : 0;
        logprobs += draw.logprob();
        if (recorded) {
            draws.add(draw);
            fresh.add(draw);
        }
        String delta = detokenizer.accept(draw.token());
        // Whether a text or a token ends the answer, it does not end it earlier than asked for.
        return show(tokens < minTokens ? delta : stops.accept(delta));
    }

    /** Whether a stop text came. */
    boolean stopped() {
        return stops.stopped();
    }

    /** Ends the answer; returns what was held back. */
    String end(Finish finish) {
        usage = finish;
        if (stops.stopped()) {
            finishReason = "stop";
            return "";
        }
        finishReason = finish.reason() == FinishReason.LENGTH ? "length" : "stop";
        String rest = stops.accept(detokenizer.finish());
        return show(rest + stops.finish());
    }

    private String show(String delta) {
        String shown = begun ? delta : prompt.echo() + delta;
        begun = true;
        text.append(shown);
        return shown;
    }

    boolean ended() {
        return !finishReason.isEmpty();
    }

    /** {@code stop} or {@code length}; empty while it grows. */
    String finishReason() {
        return finishReason;
    }

    String text() {
        return text.toString();
    }

    /** Of the prompt's tokens from the second on, if their log-probabilities are wanted. */
    List<Draw> promptDraws() {
        return promptDraws;
    }

    /** All tokens, if their ids or log-probabilities are wanted. */
    List<Draw> draws() {
        return draws;
    }

    /** Those since the last call. */
    List<Draw> takeFresh() {
        List<Draw> taken = fresh;
        fresh = new ArrayList<>();
        return taken;
    }

    /** Sampled tokens that belong to the answer; what the engine still sampled after a stop text does not. */
    int completionTokens() {
        return stops.stopped() ? tokens : usage.completionTokens();
    }

    /** Tokens so far. */
    int tokens() {
        return tokens;
    }

    /** Those that were drawn before a recursive model's last loop. */
    int earlyTokens() {
        return early;
    }

    /** Mean log-probability of its tokens, if the device reported them. */
    double meanLogprob() {
        return logprobs / Math.max(1, tokens);
    }

    int cachedTokens() {
        return usage.cachedTokens();
    }

    /** Characters of the tokens whose log-probabilities were written, for {@code text_offset}. */
    int scoredChars() {
        return scoredChars;
    }

    void addScoredChars(int count) {
        scoredChars += count;
    }
}
