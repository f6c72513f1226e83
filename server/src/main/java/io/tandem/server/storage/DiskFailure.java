package io.tandem.server.storage;

import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Says why files cannot be read or written, for clients, who need not know where they are; the log has the whole. */
public final class DiskFailure {
    private static final Pattern FULL = Pattern.compile("No space left on device|Disk quota exceeded");
    private static final String SEE_LOG = "see the server's log";

    private DiskFailure() {}

    /** A few words without the names of files. */
    public static String reason(Throwable failure) {
        if (failure instanceof UncheckedIOException && failure.getCause() != null) {
            return reason(failure.getCause());
        }
        if (failure instanceof NoSuchFileException) {
            return "a file is missing";
        }
        if (failure instanceof AccessDeniedException) {
            return "permission denied";
        }
        @Nullable
        String reason = failure instanceof FileSystemException system ? system.getReason() : failure.getMessage();
        return reason == null || reason.contains("/") || !(failure instanceof IOException) ? SEE_LOG : reason;
    }

    /** What does not answer for now; empty if that is not what failed. */
    public static Optional<String> away(Throwable failure) {
        for (@Nullable Throwable at = failure; at != null; at = at.getCause()) {
            if (at instanceof UnreachableException) {
                return Optional.ofNullable(at.getMessage());
            }
        }
        return Optional.empty();
    }

    /** Why something was not stored; empty if that is not what failed. */
    public static Optional<String> notStored(Throwable failure) {
        for (@Nullable Throwable at = failure; at != null; at = at.getCause()) {
            boolean full = at instanceof IOException
                    && at.getMessage() != null
                    && FULL.matcher(at.getMessage()).find();
            if (full || at instanceof NotStoredException) {
                return Optional.of(reason(at));
            }
        }
        return Optional.empty();
    }
}
