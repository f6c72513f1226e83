package io.tandem.server.dataset;

/** Why a line of a training file is refused. Has no stack trace: a file may have a million of them. */
final class RejectedLine extends RuntimeException {
    RejectedLine(String reason) {
        super(reason, null, false, false);
    }
}
