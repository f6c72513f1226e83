package io.tandem.server.storage.document;

import java.io.IOException;

/** The service that keeps something does not answer; it may again in a moment. The message may be shown to clients. */
public final class UnreachableException extends IOException {
    private final boolean perhapsWritten;

    public UnreachableException(String message, Throwable cause) {
        this(message, cause, false);
    }

    /** @param perhapsWritten whether what was to be written may be written all the same */
    UnreachableException(String message, Throwable cause, boolean perhapsWritten) {
        super(message, cause);
        this.perhapsWritten = perhapsWritten;
    }

    boolean perhapsWritten() {
        return perhapsWritten;
    }
}
