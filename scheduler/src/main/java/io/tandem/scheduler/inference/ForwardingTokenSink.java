package io.tandem.scheduler.inference;

import io.tandem.kernels.IterationOutputs.Draw;

/** Passes everything on, but for what a subclass does about it. */
public abstract class ForwardingTokenSink implements TokenSink {
    private final TokenSink sink;

    protected ForwardingTokenSink(TokenSink sink) {
        this.sink = sink;
    }

    @Override
    public void token(Draw draw) {
        sink.token(draw);
    }

    @Override
    public void promptToken(Draw draw) {
        sink.promptToken(draw);
    }

    @Override
    public void observed(float[] inputs) {
        sink.observed(inputs);
    }

    @Override
    public void state(float[] state) {
        sink.state(state);
    }

    @Override
    public void finish(Finish finish) {
        sink.finish(finish);
    }
}
