package io.tandem.server.remote;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Something remote cannot be had, and trying again at once would not help. The message says why and what to do. */
public final class Unavailable extends IOException {
    /** Whose turn it is. */
    public enum Reason {
        /** No such repository, revision, bucket or file. */
        ABSENT,
        /** The credentials do not open it, or there are none. */
        DENIED,
        /** No answer, or none that makes sense. */
        UNREACHABLE,
        /** What arrived is not what was announced. */
        DAMAGED,
        TOO_LARGE,
        /** The disk cannot hold it. */
        NO_SPACE
    }

    private final Reason reason;

    public Unavailable(Reason reason, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.reason = reason;
    }

    public Unavailable(Reason reason, String message) {
        this(reason, message, null);
    }

    public Reason reason() {
        return reason;
    }
}
