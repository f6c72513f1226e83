package io.tandem.scheduler.inference;

/** How a request ended. */
public enum FinishReason {
    /** The model drew a stop token. */
    STOP,
    /** The answer, or the context, is full. */
    LENGTH,
    CANCELLED,
    /** A caller that holds fewer places took this one, before the request had any token. */
    DISPLACED,
    /** One of the request's adapters overflows, or the device refuses it. */
    BROKEN_ADAPTER,
    /** What the request limits its tokens by cannot be met. */
    BROKEN_CONSTRAINT,
    /** The engine shut down before the answer ended; another server, or the next start, can give it. */
    SHUT_DOWN,
    /** The device failed, or the engine cannot be trusted any more. */
    FAILED
}
