package io.tandem.server.adapter;

import io.tandem.scheduler.adapter.ContentHash;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A version of an adapter, on disk.
 *
 * @param hash of its content, all 64 digits
 * @param compressed whether it is a ternary file instead of a directory in PEFT's layout
 * @param bytes on disk
 * @param createdAt in seconds since 1970
 * @param origin where it came from, for people
 * @param under hashes of the adapters that it was trained on top of, the lowest first; it answers together with them.
 *     They are kept beside it, so that it means the same whatever becomes of them
 * @param base identity of the base model that it was made for, if it was made here: what was brought in may fit others
 */
public record StoredVersion(
        String hash,
        boolean compressed,
        long bytes,
        long createdAt,
        String origin,
        List<String> under,
        @Nullable String base) {
    public StoredVersion {
        under = List.copyOf(under);
    }

    /** Whether it was made for this base model, as far as that is known. */
    boolean fits(BaseModel model) {
        return base == null || base.equals(model.identity());
    }

    public ContentHash content() {
        return new ContentHash(hash);
    }

    /** The digits that are shown. */
    public String shown() {
        return content().shown();
    }

    /** All that it needs: its own content, and what it stands on. */
    Stream<ContentHash> contents() {
        return Stream.concat(under.stream(), Stream.of(hash)).map(ContentHash::new);
    }
}
