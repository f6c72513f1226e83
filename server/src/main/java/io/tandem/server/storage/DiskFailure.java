package io.tandem.server.storage;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.tandem.server.storage.blob.DamagedBlobException;
import io.tandem.server.storage.document.UnreachableException;
import java.io.EOFException;
import java.io.IOException;
import java.io.UTFDataFormatException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Says why files cannot be read or written, for clients, who need not know where they are; the log has the whole. */
public final class DiskFailure {
    private static final Pattern FULL = Pattern.compile("No space left on device|Disk quota exceeded");
    /** What is there is something else than was written. */
    private static final Pattern OTHER = Pattern.compile("(Is|Not) a directory");
    /** Whatever becomes of the server, reading again would not help. */
    private static final List<Class<? extends IOException>> LOST = List.of(
            NoSuchFileException.class,
            NotDirectoryException.class,
            EOFException.class,
            UTFDataFormatException.class,
            CharacterCodingException.class,
            JsonProcessingException.class,
            DamagedBlobException.class,
            DamagedCheckpointException.class);

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

    /**
     * What keeps something from being read for now, though it may be whole: file descriptors have run out, a disk fails or
     * is full, permission is missing, a storage does not answer. Empty if what is to be read is missing or damaged, or if
     * that is not what failed.
     */
    public static Optional<IOException> hindrance(Throwable failure) {
        for (@Nullable Throwable at = failure; at != null; at = at.getCause()) {
            if (at instanceof IOException io) {
                boolean other = io.getMessage() != null
                        && OTHER.matcher(io.getMessage()).find();
                return other || LOST.stream().anyMatch(kind -> kind.isInstance(io))
                        ? Optional.empty()
                        : Optional.of(io);
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
