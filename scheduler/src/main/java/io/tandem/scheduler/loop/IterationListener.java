package io.tandem.scheduler.loop;

/**
 * Hears of every iteration, on the engine thread; must neither block nor throw. Requests are those that have targets:
 * best-effort ones count in iterations only.
 */
public interface IterationListener {
    void iteration(IterationReport report);

    /** There is nothing to do: nothing runs and nothing waits. */
    default void idle() {}

    /** A request got its first token so long after it was submitted. */
    void firstToken(long ttftNanos);

    /** A request got a further token so long after the one before. */
    void nextToken(long itlNanos);

    /** A request ended. */
    void requestEnded(RequestReport report);
}
