package io.tandem.scheduler.simulation;

/**
 * A request of a trace.
 *
 * @param seconds since the trace began
 * @param promptTokens length of the prompt
 * @param outputTokens length of the answer
 * @param caller who asks; empty for the shared caller
 */
public record Arrival(double seconds, int promptTokens, int outputTokens, String caller) {}
