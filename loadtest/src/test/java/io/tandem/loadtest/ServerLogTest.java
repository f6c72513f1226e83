package io.tandem.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServerLogTest {
    private static final String TRACE = "java.io.IOException: %s\n\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)\n"
            + "Caused by: java.lang.Error\n\tat a.B.e(B.java:3)\n\t... 2 more\n";

    @TempDir
    private Path directory;

    @Test
    void aStackTraceOfEachKindIsFoundOnce() throws IOException {
        Path log = directory.resolve("log");
        Files.writeString(
                log,
                "10:00 INFO start\n" + "10:01 ERROR x failed\n" + TRACE.formatted("one") + "10:02 WARN at a.B\n"
                        + "10:03 ERROR y failed\n" + TRACE.formatted("two"));
        assertThat(ServerLog.stackTraces(log))
                .singleElement()
                .asString()
                .startsWith("10:01 ERROR x failed\njava.io.IOException: one\n\tat a.B.c");
    }

    @Test
    void aLogWithoutOneHasNone() throws IOException {
        assertThat(ServerLog.stackTraces(Files.writeString(directory.resolve("log"), "10:00 INFO start\n")))
                .isEmpty();
    }
}
