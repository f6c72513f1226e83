package io.tandem.server.storage;

import java.io.IOException;

/** The disk did not take something, so nothing of it is stored. The message may be shown to clients. */
public final class NotStoredException extends IOException {
    public NotStoredException(IOException cause) {
        super(DiskFailure.reason(cause), cause);
    }
}
