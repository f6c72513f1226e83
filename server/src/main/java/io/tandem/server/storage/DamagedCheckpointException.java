package io.tandem.server.storage;

import java.io.IOException;

/** A checkpoint is there, but is not what was written. */
final class DamagedCheckpointException extends IOException {
    DamagedCheckpointException(String why) {
        super(why);
    }
}
