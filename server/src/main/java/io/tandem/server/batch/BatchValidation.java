package io.tandem.server.batch;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Reads a batch's input to its end before anything of it runs. It goes in steps, so that others get a turn. */
final class BatchValidation implements Closeable {
    private static final int STEP_LINES = 256;
    /** However much is wrong, the first mistakes tell. */
    private static final int ERRORS_MAX = 100;

    private final BatchInput input;
    private final int maxLines;
    private final Set<String> customIds = new HashSet<>();
    private final List<LineError> errors = new ArrayList<>();
    private int rows;

    BatchValidation(BatchInput input, int maxLines) {
        this.input = input;
        this.maxLines = maxLines;
    }

    /** Reads some more; false when all is read, or enough. */
    boolean step() throws IOException {
        for (int i = 0; i < STEP_LINES; i++) {
            if (errors.size() >= ERRORS_MAX) {
                return false;
            }
            try {
                Optional<BatchRow> row = input.next();
                if (row.isEmpty()) {
                    requireRows();
                    return false;
                }
                check(row.get());
            } catch (LineError e) {
                errors.add(e);
                if (e.line() == 0) {
                    return false;
                }
            }
        }
        return true;
    }

    private void requireRows() {
        if (rows == 0 && errors.isEmpty()) {
            throw new LineError("empty_file", null, 0, "The file has no requests.");
        }
    }

    private void check(BatchRow row) {
        rows++;
        if (rows > maxLines) {
            throw new LineError(
                    "too_many_tasks",
                    null,
                    0,
                    "The file has more than " + maxLines + " requests, the limit of batches.max-lines.");
        }
        if (!customIds.add(row.customId())) {
            throw new LineError(
                    "duplicate_custom_id",
                    "custom_id",
                    row.line(),
                    "The custom_id '" + row.customId() + "' has been used by an earlier line.");
        }
    }

    /** What is wrong, in the order of the lines. */
    List<LineError> errors() {
        return errors;
    }

    int rows() {
        return rows;
    }

    @Override
    public void close() throws IOException {
        input.close();
    }
}
