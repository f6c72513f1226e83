package io.tandem.loadtest;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The flag of load tests that start servers of one model. */
public final class ModelOption {
    @Option(
            names = "--model",
            paramLabel = "DIR",
            defaultValue = "config/models/sample",
            description = "Default ${DEFAULT-VALUE}.")
    private Path directory = Path.of("");

    public Path directory() {
        return directory;
    }
}
