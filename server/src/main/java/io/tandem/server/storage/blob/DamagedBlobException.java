package io.tandem.server.storage.blob;

import java.io.IOException;

/** A blob is there, but not whole. The message may be shown to clients. */
public final class DamagedBlobException extends IOException {
    DamagedBlobException(String why) {
        super("something in the object store is missing or damaged: " + why);
    }
}
