package io.tandem.server.storage.document;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/** A PostgreSQL of its own, from a package of Maven's, that a test stops, kills and starts again. */
public final class TestPostgres implements AutoCloseable {
    private static final Duration START = Duration.ofSeconds(60);

    private final Path directory;
    private final int port;
    private @Nullable EmbeddedPostgres running;

    private TestPostgres(Path directory, int port) {
        this.directory = directory;
        this.port = port;
    }

    /** @param directory empty, for the database; a test is skipped if there is no PostgreSQL for this platform */
    public static TestPostgres start(Path directory) throws IOException {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        TestPostgres postgres = new TestPostgres(directory, port);
        try {
            postgres.start();
        } catch (IllegalStateException e) {
            Assumptions.assumeFalse(
                    String.valueOf(e.getMessage()).startsWith("Missing embedded postgres binaries"),
                    "Maven has no PostgreSQL for this platform: " + e.getMessage());
            throw e;
        }
        return postgres;
    }

    /** Starts it on what it left. */
    public void start() throws IOException {
        running = EmbeddedPostgres.builder()
                .setDataDirectory(directory)
                .setCleanDataDirectory(false)
                .setPort(port)
                .setPGStartupWait(START)
                // As it is for everybody but tests.
                .setServerConfig("synchronous_commit", "on")
                .start();
    }

    /** Ends it in order, whatever is connected. */
    public void stop() throws IOException {
        if (running != null) {
            running.close();
            running = null;
        }
    }

    /** Ends it as a loss of power would. */
    public void kill() throws IOException, InterruptedException {
        long process = Long.parseLong(
                Files.readAllLines(directory.resolve("postmaster.pid")).get(0).strip());
        ProcessHandle handle = ProcessHandle.of(process).orElseThrow();
        handle.descendants().forEach(ProcessHandle::destroyForcibly);
        handle.destroyForcibly();
        handle.onExit().join();
        // Only lets go of the directory.
        stop();
    }

    /** The address of the database. */
    public String address() {
        return "postgresql://postgres@localhost:" + port + "/postgres";
    }

    /** The same with tables of its own. */
    public String address(String schema) {
        execute("CREATE SCHEMA IF NOT EXISTS " + schema);
        return address() + "?currentSchema=" + schema;
    }

    /** Runs a statement of a test's. */
    public void execute(String sql) {
        try (Connection connection = new PostgresAddress(address(), Optional.empty()).connect();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        try {
            stop();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
