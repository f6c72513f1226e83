package io.tandem.server.storage.document;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/**
 * Documents in a file, through SQLite in this process. Its write-ahead log is forced to the disk for what is acknowledged,
 * and left to the operating system for the rest.
 */
public final class SqliteDocuments extends SqlDocuments {
    private static final String LIBRARY = "org.sqlite.tmpdir";
    private static final int BUSY_MILLIS = 10_000;

    private final Path file;
    private final Connection connection;
    private final DiskReserve reserve;
    private boolean forcing = true;
    /** Whether SQLite may be without the transaction that the driver takes for open. */
    private boolean adrift;

    private boolean closed;

    private SqliteDocuments(Path file, Connection connection, DiskReserve reserve) {
        this.file = file;
        this.connection = connection;
        this.reserve = reserve;
    }

    /**
     * Opens a database, which is made if it is missing.
     *
     * @param scratch for the library, which a process that is killed leaves there
     * @throws IOException if it cannot be used
     */
    public static SqliteDocuments open(Path file, Path scratch) throws IOException {
        return open(file, scratch, new DiskReserve(file.resolveSibling(file.getFileName() + ".reserve")));
    }

    /** @param reserve is taken, and given back when a deletion needs it */
    static SqliteDocuments open(Path file, Path scratch, DiskReserve reserve) throws IOException {
        if (System.getProperty(LIBRARY) == null) {
            System.setProperty(LIBRARY, scratch.toString());
        }
        SQLiteConfig config = new SQLiteConfig();
        config.setJournalMode(SQLiteConfig.JournalMode.WAL);
        config.setSynchronous(SQLiteConfig.SynchronousMode.FULL);
        // Somebody may be making a backup.
        config.setBusyTimeout(BUSY_MILLIS);
        SqliteRepair.repair(file, config);
        try {
            Connection connection = config.createConnection("jdbc:sqlite:" + file.toAbsolutePath());
            try {
                connection.setAutoCommit(false);
                Schema.migrate(connection, "sqlite");
                reserve.take();
                return new SqliteDocuments(file, connection, reserve);
            } catch (SQLException | IOException e) {
                connection.close();
                throw e;
            }
        } catch (SQLException e) {
            throw failure(file, e);
        }
    }

    @Override
    public synchronized int writeDeletion(List<Change> changes) throws IOException {
        // What the last one took may be free again.
        reserve.take();
        try {
            return write(changes);
        } catch (IOException e) {
            if (e.getCause() instanceof SQLException sql && isFull(sql) && reserve.giveBack()) {
                return write(changes);
            }
            throw e;
        }
    }

    @Override
    synchronized <T> T transaction(Kind kind, Work<T> work) throws IOException {
        if (closed) {
            throw new IOException("the database is closed");
        }
        try {
            if (adrift) {
                begin();
                adrift = false;
            }
            if (kind != Kind.READ) {
                force(kind == Kind.WRITE);
            }
            T result = work.on(connection);
            connection.commit();
            return result;
        } catch (SQLException e) {
            rollback(e);
            throw failure(file, e);
        } catch (IOException | RuntimeException e) {
            rollback(e);
            throw e;
        }
    }

    /** Between two transactions; what was written before is forced with what comes. */
    private void force(boolean commits) throws SQLException {
        if (commits != forcing) {
            // Outside of a transaction, which the driver begins with any other statement.
            connection.setAutoCommit(true);
            try (Statement pragma = connection.createStatement()) {
                pragma.execute("PRAGMA synchronous = " + (commits ? "FULL" : "NORMAL"));
            } finally {
                connection.setAutoCommit(false);
            }
            forcing = commits;
        }
    }

    private void rollback(Exception failure) {
        try {
            connection.rollback();
        } catch (SQLException e) {
            failure.addSuppressed(e);
            // On a full disk, for example, SQLite rolls back by itself, and what came next would not be one
            // transaction.
            adrift = true;
        }
    }

    private void begin() throws SQLException {
        try {
            connection.rollback();
        } catch (SQLException e) {
            try (Statement statement = connection.createStatement()) {
                statement.execute("BEGIN");
            }
        }
    }

    private static boolean isFull(SQLException e) {
        return e instanceof SQLiteException sqlite && sqlite.getResultCode() == SQLiteErrorCode.SQLITE_FULL;
    }

    static IOException failure(Path file, SQLException e) {
        if (isFull(e)) {
            return new IOException("No space left on device", e);
        }
        return new IOException("the database " + file.getFileName() + ": " + e.getMessage(), e);
    }

    @Override
    public synchronized void close() {
        closed = true;
        try {
            connection.close();
        } catch (SQLException e) {
            throw new IllegalStateException("the database " + file + " cannot be closed", e);
        }
    }
}
