package io.tandem.server.storage.document;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** What all databases have in common: the statements. */
abstract class SqlDocuments implements Documents {
    /** Comes after everything that an id can go on with. */
    private static final String END = "\uDBFF\uDFFF";

    private static final String RANGE = " FROM documents WHERE collection = ? AND id >= ? AND id < ? ORDER BY id";

    /** What happens in a transaction. */
    interface Work<T> {
        T on(Connection connection) throws SQLException, IOException;
    }

    /** What a transaction is for. */
    enum Kind {
        READ,
        /** May be lost in a crash. */
        WRITE_SOON,
        WRITE
    }

    /** Runs something in a transaction, which is committed if it returns and undone if it throws. */
    abstract <T> T transaction(Kind kind, Work<T> work) throws IOException;

    @Override
    public Optional<ObjectNode> get(String collection, String id) throws IOException {
        if (!Change.isId(id)) {
            return Optional.empty();
        }
        Optional<String> body = transaction(Kind.READ, connection -> {
            String sql = "SELECT body FROM documents WHERE collection = ? AND id = ?";
            try (PreparedStatement select = connection.prepareStatement(sql)) {
                select.setString(1, collection);
                select.setString(2, id);
                try (ResultSet row = select.executeQuery()) {
                    return row.next() ? Optional.of(text(row, 1)) : Optional.empty();
                }
            }
        });
        return body.flatMap(text -> parse(collection, id, text));
    }

    @Override
    public List<Document> list(String collection, String prefix) throws IOException {
        record Row(String id, String body) {}
        List<Row> rows = transaction(Kind.READ, connection -> {
            List<Row> found = new ArrayList<>();
            try (PreparedStatement select = connection.prepareStatement("SELECT id, body" + RANGE);
                    ResultSet row = range(select, collection, prefix)) {
                while (row.next()) {
                    found.add(new Row(text(row, 1), text(row, 2)));
                }
            }
            return found;
        });
        List<Document> documents = new ArrayList<>();
        for (Row row : rows) {
            parse(collection, row.id(), row.body()).ifPresent(body -> documents.add(new Document(row.id(), body)));
        }
        return documents;
    }

    @Override
    public List<String> ids(String collection, String prefix) throws IOException {
        return transaction(Kind.READ, connection -> {
            List<String> found = new ArrayList<>();
            try (PreparedStatement select = connection.prepareStatement("SELECT id" + RANGE);
                    ResultSet row = range(select, collection, prefix)) {
                while (row.next()) {
                    found.add(text(row, 1));
                }
            }
            return found;
        });
    }

    private static ResultSet range(PreparedStatement select, String collection, String prefix) throws SQLException {
        select.setString(1, collection);
        select.setString(2, prefix);
        select.setString(3, prefix + END);
        return select.executeQuery();
    }

    /** A damaged row may have nothing where there has to be something. */
    private static String text(ResultSet row, int column) throws SQLException {
        String text = row.getString(column);
        return text == null ? "" : text;
    }

    private static Optional<ObjectNode> parse(String collection, String id, String body) {
        return StoredJson.parse(body, collection + " " + id);
    }

    @Override
    public int write(List<Change> changes) throws IOException {
        return write(Kind.WRITE, changes);
    }

    @Override
    public void writeSoon(List<Change> changes) throws IOException {
        write(Kind.WRITE_SOON, changes);
    }

    private int write(Kind kind, List<Change> changes) throws IOException {
        for (Change change : changes) {
            requireRoom(change);
        }
        // In one order, so that two transactions never wait for each other in a circle; the changes of a document, and
        // those of logs, stay in theirs.
        List<Change> ordered = new ArrayList<>(changes);
        ordered.sort(Comparator.comparing(SqlDocuments::document));
        return transaction(kind, connection -> apply(connection, ordered));
    }

    private static String document(Change change) {
        if (change instanceof Change.Put put) {
            return put.collection() + "\0" + put.id();
        }
        return change instanceof Change.Delete delete ? delete.collection() + "\0" + delete.id() : END;
    }

    private static void requireRoom(Change change) throws IOException {
        if (change instanceof Change.Put put && put.body().length() > Change.MAX_BODY_BYTES) {
            throw new IOException("a document of " + put.body().length() + " characters is too large");
        }
    }

    /** Makes changes within a transaction, and says how many documents were there to be deleted. */
    static int apply(Connection connection, List<Change> changes) throws SQLException {
        int deleted = 0;
        for (Change change : changes) {
            if (change instanceof Change.Put put) {
                execute(
                        connection,
                        "INSERT INTO documents (collection, id, body) VALUES (?, ?, ?)"
                                + " ON CONFLICT (collection, id) DO UPDATE SET body = excluded.body",
                        put.collection(),
                        put.id(),
                        encodable(put.body()));
            } else if (change instanceof Change.Delete delete) {
                if (Change.isId(delete.id())) {
                    deleted += execute(
                            connection,
                            "DELETE FROM documents WHERE collection = ? AND id = ?",
                            delete.collection(),
                            delete.id());
                }
            } else if (change instanceof Change.Append append) {
                append(connection, append);
            } else if (change instanceof Change.Clear clear && Change.isId(clear.log())) {
                execute(connection, "DELETE FROM lines WHERE log = ?", clear.log());
            }
        }
        return deleted;
    }

    private static void append(Connection connection, Change.Append append) throws SQLException {
        String sql = "INSERT INTO lines (log, line) VALUES (?, ?)";
        try (PreparedStatement insert = connection.prepareStatement(sql)) {
            for (String line : append.lines()) {
                insert.setString(1, append.log());
                insert.setString(2, encodable(line));
                insert.addBatch();
            }
            insert.executeBatch();
        }
    }

    /** Halves of characters, which clients can send, become question marks, as in files; zeros are no text. */
    private static String encodable(String text) {
        return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8).replace("\0", "");
    }

    private static int execute(Connection connection, String sql, String... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
                statement.setString(i + 1, values[i]);
            }
            return statement.executeUpdate();
        }
    }

    @Override
    public List<Line> oldest(String log, long after, int limit) throws IOException {
        return lines("number > ? ORDER BY number LIMIT ?", log, after, limit);
    }

    @Override
    public List<Line> newest(String log, long before, int limit) throws IOException {
        return lines("number < ? ORDER BY number DESC LIMIT ?", log, before, limit);
    }

    private List<Line> lines(String which, String log, long number, int limit) throws IOException {
        return transaction(Kind.READ, connection -> {
            List<Line> found = new ArrayList<>();
            String sql = "SELECT number, line FROM lines WHERE log = ? AND " + which;
            try (PreparedStatement select = connection.prepareStatement(sql)) {
                select.setString(1, log);
                select.setLong(2, number);
                select.setInt(3, limit);
                try (ResultSet row = select.executeQuery()) {
                    while (row.next()) {
                        found.add(new Line(row.getLong(1), text(row, 2)));
                    }
                }
            }
            return found;
        });
    }
}
