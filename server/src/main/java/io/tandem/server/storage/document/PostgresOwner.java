package io.tandem.server.storage.document;

import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One server at a time uses a database. A lock of PostgreSQL's, held by a connection of its own, says that this one lives; and
 * each write looks for this one's token, so that one which was cut off for a while and replaced can write nothing more.
 */
final class PostgresOwner {
    private static final Logger LOG = LoggerFactory.getLogger(PostgresOwner.class);
    private static final long LOCK = 0x74616E64656DL;
    private static final int ATTEMPTS = 20;
    private static final long PAUSE_MILLIS = 250;
    private static final long CHECK_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int VALID_SECONDS = 2;
    private static final String IN_USE =
            "is in use by another server; each needs a database, or a schema, of its own (storage.documents)";

    private final PostgresAddress address;
    private final String token = UUID.randomUUID().toString();
    private Connection lock;
    private long checked = System.nanoTime();

    private PostgresOwner(PostgresAddress address, Connection lock) {
        this.address = address;
        this.lock = lock;
    }

    /** Takes the lock. That of a server that was killed is free a moment later. */
    static PostgresOwner take(PostgresAddress address) throws SQLException, IOException {
        Connection connection = address.connect();
        try {
            for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
                if (tryLock(connection)) {
                    return new PostgresOwner(address, connection);
                }
                Thread.sleep(PAUSE_MILLIS);
            }
            throw new IOException("the database " + address + " " + IN_USE);
        } catch (SQLException | IOException e) {
            connection.close();
            throw e;
        } catch (InterruptedException e) {
            connection.close();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static boolean tryLock(Connection connection) throws SQLException {
        // A schema is a database of its own, as far as a server is concerned.
        try (PreparedStatement select =
                        connection.prepareStatement("SELECT pg_try_advisory_lock(? # hashtext(current_schema()))");
                ResultSet row = locked(select)) {
            return row.next() && row.getBoolean(1);
        }
    }

    private static ResultSet locked(PreparedStatement select) throws SQLException {
        select.setLong(1, LOCK);
        return select.executeQuery();
    }

    /** Makes every other server's writes fail. */
    void sign(Connection connection) throws SQLException {
        try (Statement delete = connection.createStatement();
                PreparedStatement insert = connection.prepareStatement("INSERT INTO owner (token) VALUES (?)")) {
            delete.execute("LOCK TABLE owner");
            delete.execute("DELETE FROM owner");
            insert.setString(1, token);
            insert.executeUpdate();
        }
        connection.commit();
    }

    /**
     * In the transaction of each write.
     *
     * @throws IOException if another server has taken over
     */
    void require(Connection connection) throws SQLException, IOException {
        renew();
        try (PreparedStatement select = connection.prepareStatement("SELECT 1 FROM owner WHERE token = ? FOR SHARE")) {
            select.setString(1, token);
            try (ResultSet row = select.executeQuery()) {
                if (!row.next()) {
                    throw new IOException("another server has taken over the database; this one writes no more");
                }
            }
        }
    }

    /**
     * Looks now and then whether the lock is still there: PostgreSQL forgets it when it starts anew. If another server has
     * it by then, the token says so.
     */
    private synchronized void renew() throws SQLException {
        long now = System.nanoTime();
        if (now - checked < CHECK_NANOS) {
            return;
        }
        checked = now;
        if (!lock.isValid(VALID_SECONDS)) {
            lock.close();
            Connection connection = address.connect();
            if (tryLock(connection)) {
                lock = connection;
                LOG.info("the database is locked again");
            } else {
                connection.close();
            }
        }
    }

    synchronized void close() {
        try {
            lock.close();
        } catch (SQLException e) {
            LOG.warn("the lock of the database: {}", e.getMessage());
        }
    }
}
