package io.tandem.server.storage.document;

import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.sql.Statement;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Documents in PostgreSQL. While it does not answer, everything fails at once with an {@link UnreachableException}, but for
 * what is written soon: that waits here and is written first once PostgreSQL is back.
 */
public final class PostgresDocuments extends SqlDocuments {
    private static final Logger LOG = LoggerFactory.getLogger(PostgresDocuments.class);
    /** Once one request has found the database away, how long others believe it. */
    private static final long AWAY_NANOS = TimeUnit.SECONDS.toNanos(1);

    private static final int BACKLOG_MAX = 20_000;
    private static final int ATTEMPTS = 3;
    private static final String AWAY = "the database does not answer; try again in a moment";

    private static final String BUSY = "the database is too slow for all that is asked of it; try again in a moment";

    private final HikariDataSource pool;
    private final PostgresOwner owner;
    private final Deque<Change> backlog = new ArrayDeque<>();
    /** Whoever writes what has waited does so alone, so that nothing later comes before it. */
    private final ReadWriteLock turns = new ReentrantReadWriteLock();

    private boolean dropped;
    private volatile boolean away;
    /** When the next one tries whether it is back. */
    private final AtomicLong nextTry = new AtomicLong();

    private final OutageLog outages = new OutageLog(LOG, "the database");

    private PostgresDocuments(HikariDataSource pool, PostgresOwner owner) {
        this.pool = pool;
        this.owner = owner;
    }

    /**
     * Opens a database, which has to exist; tables are made if they are missing.
     *
     * @throws IOException if it does not answer, or another server uses it
     */
    public static PostgresDocuments open(PostgresAddress address) throws IOException {
        HikariDataSource pool = address.pool();
        try {
            PostgresOwner owner = PostgresOwner.take(address);
            try (Connection connection = pool.getConnection()) {
                requireUtf8(connection);
                Schema.migrate(connection, "postgresql");
                owner.sign(connection);
            } catch (SQLException | IOException e) {
                owner.close();
                throw e;
            }
            return new PostgresDocuments(pool, owner);
        } catch (SQLException e) {
            pool.close();
            throw new IOException("the database " + address + " cannot be used: " + e.getMessage(), e);
        } catch (IOException | RuntimeException e) {
            pool.close();
            throw e;
        }
    }

    private static void requireUtf8(Connection connection) throws SQLException, IOException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SHOW server_encoding")) {
            row.next();
            if (!row.getString(1).equals("UTF8")) {
                throw new IOException("the database has the encoding " + row.getString(1) + ", expected UTF8");
            }
        }
        connection.commit();
    }

    @Override
    public void writeSoon(List<Change> changes) throws IOException {
        try {
            super.writeSoon(changes);
        } catch (UnreachableException e) {
            // Twice would be worse than not at all.
            if (!e.perhapsWritten()) {
                keep(changes);
            }
        }
    }

    private void keep(List<Change> changes) {
        synchronized (backlog) {
            if (backlog.size() + changes.size() <= BACKLOG_MAX) {
                backlog.addAll(changes);
                dropped = false;
            } else if (!dropped) {
                dropped = true;
                LOG.warn("the database is away for so long that events and numbers of jobs are dropped");
            }
        }
    }

    @Override
    <T> T transaction(Kind kind, Work<T> work) throws IOException {
        requireHope();
        if (kind == Kind.READ) {
            return transaction(kind, List.of(), work);
        }
        turns.readLock().lock();
        try {
            if (nothingWaits()) {
                return transaction(kind, List.of(), work);
            }
        } finally {
            turns.readLock().unlock();
        }
        turns.writeLock().lock();
        try {
            return transaction(kind, takeBacklog(), work);
        } finally {
            turns.writeLock().unlock();
        }
    }

    /** @param waiting what has to be written before */
    private <T> T transaction(Kind kind, List<Change> waiting, Work<T> work) throws IOException {
        boolean committing = false;
        try {
            for (int attempt = 1; ; attempt++) {
                try (Connection connection = pool.getConnection()) {
                    try {
                        if (kind != Kind.READ) {
                            begin(connection, kind, waiting);
                        }
                        T result = work.on(connection);
                        committing = kind != Kind.READ;
                        connection.commit();
                        back();
                        return result;
                    } catch (SQLException | IOException | RuntimeException e) {
                        rollback(connection, e);
                        throw e;
                    }
                } catch (SQLException e) {
                    if (attempt == ATTEMPTS || committing || !SqlFailure.mayRetry(e)) {
                        throw failure(e, committing);
                    }
                }
            }
        } catch (IOException | RuntimeException e) {
            if (!committing) {
                giveBack(waiting);
            }
            throw e;
        }
    }

    /** While the database is away, one asks it now and then, and nobody else waits for that. */
    private void requireHope() throws UnreachableException {
        long due = nextTry.get();
        long now = System.nanoTime();
        if (away && (now - due < 0 || !nextTry.compareAndSet(due, now + AWAY_NANOS))) {
            throw new UnreachableException(AWAY, new SQLTransientConnectionException("it did not a moment ago"));
        }
    }

    private boolean nothingWaits() {
        synchronized (backlog) {
            return backlog.isEmpty();
        }
    }

    private List<Change> takeBacklog() {
        synchronized (backlog) {
            List<Change> taken = new ArrayList<>(backlog);
            backlog.clear();
            return taken;
        }
    }

    private void giveBack(List<Change> taken) {
        synchronized (backlog) {
            for (int i = taken.size() - 1; i >= 0; i--) {
                backlog.addFirst(taken.get(i));
            }
        }
    }

    /** What has to come before a write. */
    private void begin(Connection connection, Kind kind, List<Change> waiting) throws SQLException, IOException {
        if (kind == Kind.WRITE_SOON && waiting.isEmpty()) {
            try (Statement statement = connection.createStatement()) {
                statement.execute("SET LOCAL synchronous_commit TO off");
            }
        }
        owner.require(connection);
        apply(connection, waiting);
    }

    private void back() {
        away = false;
        outages.answered();
    }

    private IOException failure(SQLException e, boolean committing) {
        if (SqlFailure.isBusy(e)) {
            return new UnreachableException(BUSY, e);
        }
        if (SqlFailure.isAway(e)) {
            nextTry.set(System.nanoTime() + AWAY_NANOS);
            away = true;
            outages.failed("does not answer", e);
            return new UnreachableException(AWAY, e, committing);
        }
        return SqlFailure.isFull(e)
                ? new IOException("No space left on device", e)
                : new IOException("the database failed, see the server's log", e);
    }

    private static void rollback(Connection connection, Exception failure) {
        try {
            connection.rollback();
        } catch (SQLException e) {
            failure.addSuppressed(e);
        }
    }

    @Override
    public void close() {
        try {
            transaction(Kind.WRITE, connection -> true);
        } catch (IOException e) {
            LOG.warn("events and numbers of jobs may be missing: {}", e.getMessage());
        }
        owner.close();
        pool.close();
    }
}
