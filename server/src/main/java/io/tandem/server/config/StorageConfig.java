package io.tandem.server.config;

import io.tandem.server.storage.document.PostgresAddress;
import java.util.Optional;

/**
 * Where everything is kept.
 *
 * @param database of the documents; empty for SQLite in the data directory
 */
public record StorageConfig(Optional<PostgresAddress> database) {
    /** Everything in the data directory. */
    public static final StorageConfig EMBEDDED = new StorageConfig(Optional.empty());

    static final String DOCUMENTS = "storage.documents";
    private static final String SQLITE = "sqlite";

    /** @param password for the database, if its address has none */
    static StorageConfig of(String documents, Optional<String> password) {
        if (documents.equals(SQLITE)) {
            return EMBEDDED;
        }
        try {
            return new StorageConfig(Optional.of(new PostgresAddress(documents, password)));
        } catch (IllegalArgumentException e) {
            // It may have a password, so it is not shown.
            throw new IllegalArgumentException(
                    DOCUMENTS + " is neither sqlite nor an address such as postgresql://tandem@db.example:5432/tandem",
                    e);
        }
    }
}
