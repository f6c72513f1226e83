package io.tandem.server.storage.document;

import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** Moves from one database to another. */
public final class DocumentsCopy {
    private static final int LINES = 200;

    private DocumentsCopy() {}

    /**
     * Copies all documents and logs, in one transaction; those of the first database stay.
     *
     * @param to an empty one
     * @return how many documents there are
     * @throws IOException if it is not empty, or if one of them fails; then nothing was copied
     */
    public static int copy(SqliteDocuments from, PostgresDocuments to) throws IOException {
        return to.transaction(SqlDocuments.Kind.WRITE, target -> {
            requireEmpty(target);
            return from.transaction(SqlDocuments.Kind.READ, source -> {
                int count = documents(source, target);
                lines(source, target);
                return count;
            });
        });
    }

    private static void requireEmpty(Connection target) throws SQLException, IOException {
        try (Statement select = target.createStatement();
                ResultSet row = select.executeQuery("SELECT 1 FROM documents LIMIT 1")) {
            if (row.next()) {
                throw new IOException("the database has documents already; name an empty one");
            }
        }
    }

    private static int documents(Connection source, Connection target) throws SQLException {
        int count = 0;
        try (Statement select = source.createStatement();
                ResultSet row = select.executeQuery("SELECT collection, id, body FROM documents")) {
            while (row.next()) {
                SqlDocuments.apply(
                        target, List.of(new Change.Put(row.getString(1), row.getString(2), row.getString(3))));
                count++;
            }
        }
        return count;
    }

    private static void lines(Connection source, Connection target) throws SQLException {
        String log = "";
        List<String> lines = new ArrayList<>();
        try (Statement select = source.createStatement();
                ResultSet row = select.executeQuery("SELECT log, line FROM lines ORDER BY log, number")) {
            while (row.next()) {
                if (!lines.isEmpty()
                        && (lines.size() == LINES || !row.getString(1).equals(log))) {
                    SqlDocuments.apply(target, List.of(new Change.Append(log, lines)));
                    lines.clear();
                }
                log = row.getString(1);
                lines.add(row.getString(2));
            }
        }
        if (!lines.isEmpty()) {
            SqlDocuments.apply(target, List.of(new Change.Append(log, lines)));
        }
    }
}
