package io.tandem.server.http;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.TokenSink.Finish;
import io.tandem.server.text.StopMatcher;
import io.tandem.server.text.Tokenizer.Detokenizer;
import java.util.ArrayList;
import java.util.List;

/** One of a request's answers while it grows. Belongs to the request's event loop. */
final class Choice {
    private final int index;
    private final int promptIndex;
    private final long requestId;
    private final Detokenizer detokenizer;
    private final StopMatcher stops;
    private final boolean scored;
    private final StringBuilder text = new StringBuilder();
    private final List<Draw> draws = new ArrayList<>();
    private List<Draw> fresh = new ArrayList<>();
    private int tokens;
    private int scoredChars;
    private String finishReason = "";
    private Finish usage = new Finish(FinishReason.CANCELLED, 0, 0, 0, "");

    /** @param scored whether the tokens' log-probabilities are wanted */
    Choice(int index, int promptIndex, long requestId, Detokenizer detokenizer, StopMatcher stops, boolean scored) {
        this.index = index;
        this.promptIndex = promptIndex;
        this.requestId = requestId;
        this.detokenizer = detokenizer;
        this.stops = stops;
        this.scored = scored;
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

    /** Takes a token; returns the text that can be shown now. */
    String accept(Draw draw) {
        tokens++;
        if (scored) {
            draws.add(draw);
            fresh.add(draw);
        }
        return show(stops.accept(detokenizer.accept(draw.token())));
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
        text.append(delta);
        return delta;
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

    /** All tokens, if their log-probabilities are wanted. */
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
