package io.tandem.server.storage;

import io.tandem.server.api.TenantId;
import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.storage.document.Documents;
import io.tandem.server.storage.document.SqliteDocuments;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** What a server with its embedded stores keeps in a data directory, for tests that look at it or damage it. */
public final class StoredData {
    private static final String WHERE = " WHERE collection = ? AND id = ?";

    private StoredData() {}

    /** The stores of a directory. */
    public static Storage open(Path root) throws IOException {
        return new Storage(documentsOf(root), new DiskBlobs(root));
    }

    public static Documents documentsOf(Path root) throws IOException {
        return SqliteDocuments.open(root.resolve("documents.db"), Path.of(System.getProperty("java.io.tmpdir")));
    }

    public static FileStore files(Storage storage) {
        return new TenantFiles(storage).of(TenantId.DEFAULT);
    }

    private static Connection connect(Path root) throws SQLException {
        return DriverManager.getConnection("jdbc:sqlite:" + root.resolve("documents.db"));
    }

    /** A document's text. */
    public static String read(Path root, String collection, String id) {
        try (Connection connection = connect(root);
                PreparedStatement select = connection.prepareStatement("SELECT body FROM documents" + WHERE)) {
            select.setString(1, collection);
            select.setString(2, id);
            try (ResultSet row = select.executeQuery()) {
                if (!row.next()) {
                    throw new IllegalArgumentException("there is no " + collection + " " + id);
                }
                return row.getString(1);
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** All documents, as collections and ids. */
    public static List<List<String>> documents(Path root) {
        List<List<String>> all = new ArrayList<>();
        try (Connection connection = connect(root);
                PreparedStatement select =
                        connection.prepareStatement("SELECT collection, id FROM documents ORDER BY collection, id");
                ResultSet row = select.executeQuery()) {
            while (row.next()) {
                all.add(List.of(row.getString(1), row.getString(2)));
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
        return all;
    }

    /** How many lines a log has. */
    public static int lines(Path root, String log) {
        try (Connection connection = connect(root);
                PreparedStatement select = connection.prepareStatement("SELECT COUNT(*) FROM lines WHERE log = ?")) {
            select.setString(1, log);
            try (ResultSet row = select.executeQuery()) {
                row.next();
                return row.getInt(1);
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Changes a document behind the server's back. */
    public static void change(Path root, String collection, String id, UnaryOperator<String> change) {
        String changed = change.apply(read(root, collection, id));
        execute(root, "UPDATE documents SET body = ?" + WHERE, changed, collection, id);
    }

    /** Adds a line to a log behind the server's back. */
    public static void append(Path root, String log, String line) {
        execute(root, "INSERT INTO lines (log, line) VALUES (?, ?)", log, line);
    }

    private static void execute(Path root, String sql, String... values) {
        try (Connection connection = connect(root);
                PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
                statement.setString(i + 1, values[i]);
            }
            statement.executeUpdate();
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
