package io.tandem.server.config;

import io.tandem.server.storage.blob.S3Address;
import io.tandem.server.storage.document.PostgresAddress;
import java.util.Optional;

/**
 * Where everything is kept.
 *
 * @param database of the documents; empty for SQLite in the data directory
 * @param bucket of the blobs; empty for the data directory
 * @param cacheBytes of copies of blobs that are in a bucket
 */
public record StorageConfig(Optional<PostgresAddress> database, Optional<S3Address> bucket, long cacheBytes) {
    private static final long CACHE_BYTES = 10L << 30;

    /** Everything in the data directory. */
    public static final StorageConfig EMBEDDED = new StorageConfig(Optional.empty(), Optional.empty(), CACHE_BYTES);

    static final String DOCUMENTS = "storage.documents";
    static final String BLOBS = "storage.blobs";
    static final String CACHE = "storage.blob-cache-bytes";
    private static final String SQLITE = "sqlite";
    private static final String DISK = "disk";

    public StorageConfig {
        if (cacheBytes < 0) {
            throw new IllegalArgumentException(CACHE + " is " + cacheBytes + ", expected 0 or more");
        }
    }

    /** @param password for the database, if its address has none */
    static StorageConfig of(Optional<String> documents, Optional<String> password, Optional<String> blobs, long cache) {
        return new StorageConfig(
                documents.filter(text -> !text.equals(SQLITE)).map(text -> database(text, password)),
                blobs.filter(text -> !text.equals(DISK)).map(StorageConfig::bucket),
                cache);
    }

    private static PostgresAddress database(String documents, Optional<String> password) {
        try {
            return new PostgresAddress(documents, password);
        } catch (IllegalArgumentException e) {
            // It may have a password, so it is not shown.
            throw new IllegalArgumentException(
                    DOCUMENTS + " is neither sqlite nor an address such as postgresql://tandem@db.example:5432/tandem",
                    e);
        }
    }

    private static S3Address bucket(String blobs) {
        try {
            return S3Address.of(blobs);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    BLOBS + " is neither disk nor an address such as s3://my-bucket/tandem: " + e.getMessage(), e);
        }
    }
}
