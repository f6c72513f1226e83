package io.tandem.server.storage.document;

import java.sql.SQLException;
import java.sql.SQLNonTransientConnectionException;
import java.sql.SQLTransientConnectionException;
import org.jspecify.annotations.Nullable;

/** What PostgreSQL's codes mean. */
final class SqlFailure {
    private SqlFailure() {}

    /** Whether all connections are in use for longer than anybody waits. */
    static boolean isBusy(SQLException failure) {
        return failure instanceof SQLTransientConnectionException && failure.getCause() == null;
    }

    /** Whether there is no connection, or the server ends or begins. */
    static boolean isAway(SQLException failure) {
        return failure instanceof SQLTransientConnectionException
                || failure instanceof SQLNonTransientConnectionException
                || has(failure, "08", "57P01", "57P02", "57P03", "53300");
    }

    /** Whether trying again at once may help, since the connection was old or others were in the way. */
    static boolean mayRetry(SQLException failure) {
        return has(failure, "08003", "08006", "57P01", "57P02", "40001", "40P01");
    }

    static boolean isFull(SQLException failure) {
        return has(failure, "53100");
    }

    private static boolean has(SQLException failure, String... codes) {
        for (@Nullable Throwable at = failure; at != null; at = at.getCause()) {
            if (at instanceof SQLException sql && sql.getSQLState() != null) {
                for (String code : codes) {
                    if (sql.getSQLState().startsWith(code)) {
                        return true;
                    }
                }
            }
        }
        return false;
    }
}
