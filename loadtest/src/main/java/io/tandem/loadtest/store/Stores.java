package io.tandem.loadtest.store;

import io.tandem.loadtest.Leftovers;
import io.tandem.server.storage.blob.TestS3;
import io.tandem.server.storage.document.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** PostgreSQL and an S3-compatible store for one server, in a directory that goes with them. */
final class Stores implements AutoCloseable {
    private final Path directory;
    private final TestPostgres postgres;
    private final TestS3 s3;

    private Stores(Path directory, TestPostgres postgres, TestS3 s3) {
        this.directory = directory;
        this.postgres = postgres;
        this.s3 = s3;
    }

    static Stores start() throws IOException {
        Path directory = Leftovers.directory("tandem-stores");
        TestPostgres postgres = TestPostgres.start(directory.resolve("postgres"));
        try {
            TestS3 s3 = TestS3.start(Files.createDirectory(directory.resolve("s3")));
            // PostgreSQL ends with this process by itself.
            Runtime.getRuntime().addShutdownHook(new Thread(s3::kill, "s3"));
            return new Stores(directory, postgres, s3);
        } catch (IOException e) {
            postgres.close();
            throw e;
        }
    }

    /** What a server has to know to use them. */
    Map<String, String> environment() {
        Map<String, String> variables = new HashMap<>(TestS3.environment());
        variables.put("TANDEM_DOCUMENTS", postgres.address());
        variables.put("TANDEM_BLOBS", s3.address("tandem"));
        return variables;
    }

    List<Store> all() {
        return List.of(new Store("PostgreSQL", postgres::kill, postgres::start), new Store("S3", s3::kill, s3::start));
    }

    @Override
    public void close() {
        s3.close();
        postgres.close();
        Leftovers.delete(directory);
    }
}
