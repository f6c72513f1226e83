package io.tandem.server;

import io.tandem.server.config.StorageConfig;
import io.tandem.server.storage.DataDirectory;
import io.tandem.server.storage.DiskBlobs;
import io.tandem.server.storage.Storage;
import io.tandem.server.storage.document.Documents;
import io.tandem.server.storage.document.PostgresDocuments;
import io.tandem.server.storage.document.SqliteDocuments;
import java.io.IOException;
import java.nio.file.Files;

/** Opens what the settings name. */
final class Stores {
    private Stores() {}

    /** @throws IOException if something of it cannot be used; then nothing is left open */
    static Storage open(StorageConfig config, DataDirectory data) throws IOException {
        Storage storage = new Storage(documents(config, data), new DiskBlobs(data.blobs()));
        try {
            storage.requireOneOwner();
            data.upgrade(storage);
            storage.sweep();
            return storage;
        } catch (IOException | RuntimeException e) {
            storage.close();
            throw e;
        }
    }

    private static Documents documents(StorageConfig config, DataDirectory data) throws IOException {
        if (config.database().isEmpty()) {
            return SqliteDocuments.open(data.database(), data.uploads());
        }
        if (Files.exists(data.database())) {
            throw new IOException(
                    "the documents of this data directory are in " + data.database()
                            + ", but storage.documents names another database: copy them with 'tandem copy-documents', or set sqlite");
        }
        return PostgresDocuments.open(config.database().get());
    }
}
