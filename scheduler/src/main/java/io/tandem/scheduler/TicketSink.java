package io.tandem.scheduler;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.OpenRequests.Ticket;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.TokenSink;

/**
 * Keeps a request's {@link OpenRequests places} in step with what one of its answers gets. A request that was displaced
 * while the engine was at its first token gets none of it: what holds its places now has been promised them.
 */
final class TicketSink implements TokenSink {
    private static final String DISPLACED =
            "the queue is full and this user holds most of it, so the request made way for another user's;"
                    + " try again later, or raise scheduler.max-queued-requests";

    private final OpenRequests places;
    private final Ticket ticket;
    private final TokenSink sink;
    private boolean begun;

    TicketSink(OpenRequests places, Ticket ticket, TokenSink sink) {
        this.places = places;
        this.ticket = ticket;
        this.sink = sink;
    }

    @Override
    public void promptToken(Draw draw) {
        if (begins()) {
            sink.promptToken(draw);
        }
    }

    @Override
    public void token(Draw draw) {
        if (begins()) {
            sink.token(draw);
        }
    }

    @Override
    public void observed(float[] inputs) {
        if (begins()) {
            sink.observed(inputs);
        }
    }

    @Override
    public void state(float[] state) {
        if (begins()) {
            sink.state(state);
        }
    }

    /** Whether the request still has its place, which nobody can take once something of it was delivered. */
    private boolean begins() {
        begun = begun || places.begin(ticket);
        return begun;
    }

    @Override
    public void finish(Finish finish) {
        boolean kept = places.end(ticket);
        sink.finish(
                kept
                        ? finish
                        : new Finish(
                                FinishReason.DISPLACED,
                                finish.promptTokens(),
                                finish.cachedTokens(),
                                0,
                                DISPLACED,
                                finish.course()));
    }
}
