package io.tandem.scheduler;

/**
 * Why a request or a job was not accepted: an expected answer, not an exception.
 *
 * @param reason for programs
 * @param message for people, with the numbers
 */
public record Rejection(Reason reason, String message) {
    public enum Reason {
        QUEUE_FULL,
        TOO_MANY_ANSWERS,
        PROMPT_EMPTY,
        PROMPT_TOO_LONG,
        EXAMPLE_TOO_LONG,
        NOTHING_TO_LEARN,
        WRONG_EXAMPLE,
        ADAPTER_TOO_LARGE,
        TOO_MANY_ADAPTERS,
        UNFIT_ADAPTER,
        SHUTTING_DOWN
    }
}
