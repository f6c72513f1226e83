package io.tandem.server;

import io.tandem.server.config.StorageConfig;
import io.tandem.server.storage.DataDirectory;
import io.tandem.server.storage.Storage;
import io.tandem.server.storage.blob.Blobs;
import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.storage.blob.S3Blobs;
import io.tandem.server.storage.document.Documents;
import io.tandem.server.storage.document.PostgresDocuments;
import io.tandem.server.storage.document.SqliteDocuments;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;

/** Opens what the settings name. */
final class Stores {
    private Stores() {}

    /** @throws IOException if something of it cannot be used; then nothing is left open */
    static Storage open(StorageConfig config, Map<String, String> environment, DataDirectory data) throws IOException {
        Documents documents = documents(config, data);
        Storage storage;
        try {
            storage = new Storage(documents, blobs(config, environment, data));
        } catch (IOException | RuntimeException e) {
            documents.close();
            throw e;
        }
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

    private static Blobs blobs(StorageConfig config, Map<String, String> environment, DataDirectory data)
            throws IOException {
        if (config.bucket().isEmpty()) {
            return new DiskBlobs(data.blobs());
        }
        if (data.isToBeUpgraded()) {
            throw new IOException(
                    "this data directory is an earlier version's: start this version once with storage.blobs:"
                            + " disk, then copy its content with 'tandem copy-blobs'");
        }
        return S3Blobs.open(config.bucket().get(), environment, data.uploads(), config.cacheBytes());
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
