package io.tandem.scheduler.inference;

/** How a request ended. */
public enum FinishReason {
    /** The model drew a stop token. */
    STOP,
    /** The answer, or the context, is full. */
    LENGTH,
    CANCELLED,
    /** The device failed, or the engine shut down. */
    FAILED
}
