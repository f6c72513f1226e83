package io.tandem.scheduler.inference;

import io.tandem.scheduler.inference.TokenSink.Course;
import java.util.OptionalLong;

/** When what happened to a request, in nanoseconds of the engine's clock. */
public final class Timeline {
    /** Later than everything. */
    private static final long NOT_YET = Long.MAX_VALUE;

    private final long arrival;
    private long scheduled = NOT_YET;
    private long firstToken = NOT_YET;
    private long lastEvent;

    Timeline(long arrival) {
        this.arrival = arrival;
        this.lastEvent = arrival;
    }

    /** When the request came. */
    public long arrival() {
        return arrival;
    }

    /** An iteration that carries rows of it begins; the first one counts. */
    public void scheduled(long now) {
        scheduled = Math.min(scheduled, now);
    }

    /**
     * A token comes.
     *
     * @return how long ago the request came, or its last token
     */
    public long token(long now) {
        long interval = now - lastEvent;
        lastEvent = now;
        firstToken = Math.min(firstToken, now);
        return interval;
    }

    /** How long it has waited for its first iteration. */
    public long queued(long now) {
        return Math.min(scheduled, now) - arrival;
    }

    /** When the first token came; without meaning before. */
    public long firstToken() {
        return firstToken;
    }

    /** When the last token came, or the request if there is none yet. */
    public long lastEvent() {
        return lastEvent;
    }

    Course course() {
        return new Course(arrival, known(scheduled), known(firstToken));
    }

    private static OptionalLong known(long nanos) {
        return nanos == NOT_YET ? OptionalLong.empty() : OptionalLong.of(nanos);
    }
}
