package io.tandem.server.storage.document;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * Brings a database to the tables of this version, step by step: each step is a resource {@code DIALECT-NUMBER.sql}, and
 * one transaction with the number that it leaves, since both databases can take back changes of tables.
 */
final class Schema {
    /** The last step. */
    static final int VERSION = 1;

    private Schema() {}

    /**
     * @param connection with a transaction, which is committed after each step
     * @param dialect of the resources
     * @throws IOException if a newer server has changed the tables
     */
    static void migrate(Connection connection, String dialect) throws SQLException, IOException {
        int version;
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)");
            try (ResultSet found = statement.executeQuery("SELECT MAX(version) FROM schema_version")) {
                version = found.next() ? found.getInt(1) : 0;
            }
        }
        connection.commit();
        if (version > VERSION) {
            throw new IOException("the database has version " + version + " of the tables, this server knows " + VERSION
                    + ": a newer one has used it. Start that, or restore a backup from before");
        }
        for (int next = version + 1; next <= VERSION; next++) {
            step(connection, dialect, next);
        }
    }

    private static void step(Connection connection, String dialect, int number) throws SQLException, IOException {
        String name = dialect + "-" + number + ".sql";
        try (InputStream script = Schema.class.getResourceAsStream(name);
                Statement statement = connection.createStatement()) {
            if (script == null) {
                throw new IllegalStateException(name + " is missing");
            }
            for (String one : new String(script.readAllBytes(), StandardCharsets.UTF_8).split(";\\s*", -1)) {
                if (!one.isBlank()) {
                    statement.execute(one);
                }
            }
            statement.execute("INSERT INTO schema_version VALUES (" + number + ")");
        }
        connection.commit();
    }
}
