package io.tandem.server.storage.document;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sqlite.SQLiteConfig;

/**
 * Makes a database anew whose pages are damaged, of all rows that can still be read. The damaged one stays beside it.
 */
final class SqliteRepair {
    private static final Logger LOG = LoggerFactory.getLogger(SqliteRepair.class);
    /** Rows of a damaged page are counted one by one; after so many nothing comes any more. */
    private static final int UNREADABLE_MAX = 100_000;

    private static final List<List<String>> TABLES =
            List.of(List.of("documents", "collection", "id", "body"), List.of("lines", "log", "line"));

    private SqliteRepair() {}

    static void repair(Path file, SQLiteConfig config) throws IOException {
        if (!Files.exists(file)) {
            return;
        }
        try (Connection damaged = config.createConnection("jdbc:sqlite:" + file.toAbsolutePath())) {
            if (whole(damaged)) {
                return;
            }
            LOG.error("the database {} is damaged; what can be read of it is copied to a new one", file);
            Path repaired = file.resolveSibling(file.getFileName() + ".repaired");
            deleteDatabase(repaired);
            int unreadable = copy(damaged, repaired, config);
            LOG.error("{} rows of the database cannot be read; see docs/operations.md", unreadable);
        } catch (SQLException e) {
            throw new IOException(
                    "the database " + file + " cannot be read (" + e.getMessage()
                            + "): restore a backup of it, or move it away to begin without any documents",
                    e);
        }
        // Closing it has moved its write-ahead log into it.
        Files.copy(file, aside(file), StandardCopyOption.COPY_ATTRIBUTES);
        Files.deleteIfExists(file.resolveSibling(file.getFileName() + "-wal"));
        Files.deleteIfExists(file.resolveSibling(file.getFileName() + "-shm"));
        Files.move(
                file.resolveSibling(file.getFileName() + ".repaired"),
                file,
                StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
    }

    private static boolean whole(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet found = statement.executeQuery("PRAGMA quick_check(1)")) {
            return found.next() && found.getString(1).equals("ok");
        } catch (SQLException e) {
            // Whether there is anything to copy shows when it is tried.
            LOG.warn("the database cannot be checked: {}", e.getMessage());
            return false;
        }
    }

    private static Path aside(Path file) {
        int number = 1;
        Path aside = file.resolveSibling(file.getFileName() + ".damaged-" + number);
        while (Files.exists(aside)) {
            number++;
            aside = file.resolveSibling(file.getFileName() + ".damaged-" + number);
        }
        return aside;
    }

    private static void deleteDatabase(Path file) throws IOException {
        for (String part : List.of("", "-wal", "-shm")) {
            Files.deleteIfExists(file.resolveSibling(file.getFileName() + part));
        }
    }

    /** Returns how many rows may be missing. */
    private static int copy(Connection damaged, Path repaired, SQLiteConfig config) throws SQLException, IOException {
        int unreadable = 0;
        try (Connection target = config.createConnection("jdbc:sqlite:" + repaired.toAbsolutePath())) {
            target.setAutoCommit(false);
            Schema.migrate(target, "sqlite");
            for (List<String> table : TABLES) {
                unreadable += copy(damaged, target, table.get(0), table.subList(1, table.size()));
            }
            if (unreadable > 0) {
                // Among them may have been a tenant's keys, so nobody comes in without one.
                SqlDocuments.apply(target, List.of(new Change.Put("tenants", "lost", "")));
            }
            target.commit();
        }
        return unreadable;
    }

    private static int copy(Connection damaged, Connection target, String table, List<String> columns)
            throws SQLException {
        String names = "number, " + String.join(", ", columns);
        String marks = String.join(", ", Collections.nCopies(columns.size() + 1, "?"));
        int unreadable = 0;
        int inARow = 0;
        long next = 0;
        try (PreparedStatement insert =
                target.prepareStatement("INSERT OR IGNORE INTO " + table + " (" + names + ") VALUES (" + marks + ")")) {
            while (inARow < UNREADABLE_MAX) {
                List<Object> row;
                try {
                    row = row(damaged, table, names, columns.size() + 1, next);
                } catch (SQLException e) {
                    unreadable++;
                    inARow++;
                    next++;
                    continue;
                }
                if (row.isEmpty()) {
                    return unreadable;
                }
                inARow = 0;
                next = ((Number) row.get(0)).longValue() + 1;
                for (int i = 0; i < row.size(); i++) {
                    insert.setObject(i + 1, row.get(i));
                }
                insert.executeUpdate();
            }
        }
        return unreadable;
    }

    /** The first row from a number on; empty if there is none. */
    private static List<Object> row(Connection damaged, String table, String names, int columns, long from)
            throws SQLException {
        String sql = "SELECT " + names + " FROM " + table + " WHERE number >= ? ORDER BY number LIMIT 1";
        try (PreparedStatement select = damaged.prepareStatement(sql)) {
            select.setLong(1, from);
            try (ResultSet found = select.executeQuery()) {
                List<Object> row = new ArrayList<>();
                if (found.next()) {
                    for (int i = 1; i <= columns; i++) {
                        Object value = found.getObject(i);
                        row.add(value == null ? "" : value);
                    }
                }
                return row;
            }
        }
    }
}
