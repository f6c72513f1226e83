package io.tandem.server.finetune.writing;

/** The engine does not write what it is asked for. What was written by then is kept, so it can be tried again later. */
public final class UnansweredException extends RuntimeException {
    UnansweredException(String message) {
        super(message);
    }
}
