package io.tandem.scheduler.testing;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.inference.TokenSink;
import java.util.ArrayList;
import java.util.List;

/** Remembers what a request got. */
public final class RecordingSink implements TokenSink {
    private final List<Integer> tokens = new ArrayList<>();
    private final List<Integer> promptTokens = new ArrayList<>();
    private final List<float[]> states = new ArrayList<>();
    private final List<Float> observed = new ArrayList<>();
    private final List<Finish> ends = new ArrayList<>();

    @Override
    public void promptToken(Draw draw) {
        if (!ends.isEmpty() || !tokens.isEmpty()) {
            throw new IllegalStateException("a token of the prompt behind the answer's first");
        }
        promptTokens.add(draw.token());
    }

    @Override
    public void token(Draw draw) {
        if (!ends.isEmpty()) {
            throw new IllegalStateException("a token after the end");
        }
        tokens.add(draw.token());
    }

    @Override
    public void observed(float[] inputs) {
        if (!states.isEmpty()) {
            throw new IllegalStateException("layers' inputs behind the prompt's end");
        }
        for (float input : inputs) {
            observed.add(input);
        }
    }

    @Override
    public void state(float[] state) {
        if (!ends.isEmpty()) {
            throw new IllegalStateException("a state after the end");
        }
        states.add(state.clone());
    }

    @Override
    public void finish(Finish finish) {
        ends.add(finish);
    }

    public List<Integer> tokens() {
        return tokens;
    }

    /** Those of the prompt that came with their log-probabilities. */
    public List<Integer> promptTokens() {
        return promptTokens;
    }

    /** Hidden states of the prompt's last token. */
    public List<float[]> states() {
        return states;
    }

    /** What layers got of the prompt's last tokens. */
    public List<Float> observed() {
        return observed;
    }

    public boolean ended() {
        return !ends.isEmpty();
    }

    /** The one end. */
    public Finish end() {
        if (ends.size() != 1) {
            throw new IllegalStateException("a request ended " + ends.size() + " times");
        }
        return ends.get(0);
    }
}
