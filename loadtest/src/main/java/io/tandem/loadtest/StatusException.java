package io.tandem.loadtest;

import java.io.IOException;

/** The server answered, but with another status than 200. */
public final class StatusException extends IOException {
    private final int status;

    StatusException(String message, int status) {
        super(message);
        this.status = status;
    }

    public int status() {
        return status;
    }
}
