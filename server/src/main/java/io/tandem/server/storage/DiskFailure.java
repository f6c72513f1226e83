package io.tandem.server.storage;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** Says why files cannot be read or written, for clients, who need not know where they are; the log has the whole. */
public final class DiskFailure {
    private DiskFailure() {}

    public static String reason(IOException failure) {
        if (failure instanceof NoSuchFileException) {
            return "a file is missing";
        }
        if (failure instanceof AccessDeniedException) {
            return "permission denied";
        }
        String reason = failure instanceof FileSystemException system ? system.getReason() : failure.getMessage();
        return reason == null || reason.contains("/") ? "see the server's log" : reason;
    }
}
