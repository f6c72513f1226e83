package io.tandem.server.dataset;

/** Why a line of a file is refused. Has no stack trace: a file may have a million of them. */
public final class RejectedLine extends RuntimeException {
    RejectedLine(String reason) {
        super(reason, null, false, false);
    }
}
