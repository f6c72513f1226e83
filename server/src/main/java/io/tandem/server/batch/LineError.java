package io.tandem.server.batch;

import org.jspecify.annotations.Nullable;

/** Why a batch fails before it begins. Has no stack trace: a file may have thousands of them. */
final class LineError extends RuntimeException {
    private final String code;
    private final @Nullable String param;
    private final int line;

    /**
     * @param code for programs
     * @param param the field that is wrong, or null
     * @param line from 1; 0 if it is the whole file
     */
    LineError(String code, @Nullable String param, int line, String message) {
        super(message, null, false, false);
        this.code = code;
        this.param = param;
        this.line = line;
    }

    String code() {
        return code;
    }

    @Nullable
    String param() {
        return param;
    }

    int line() {
        return line;
    }
}
