package io.tandem.loadtest;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import picocli.CommandLine.Option;

/** The flags of commands that try to break a server of their own. */
public final class RobotOptions {
    @Option(names = "--seed", description = "Of all that is random; by default a new one, which is printed.")
    private long seed = new Random().nextInt(Integer.MAX_VALUE);

    @Option(
            names = "--model",
            paramLabel = "DIR",
            defaultValue = "config/models/sample",
            description = "Default ${DEFAULT-VALUE}.")
    private Path model = Path.of("");

    @Option(
            names = "--serve",
            paramLabel = "COMMAND",
            split = " ",
            defaultValue = "./tandem serve",
            description = "Starts a server, with more flags behind it; default ${DEFAULT-VALUE}.")
    private List<String> serve = List.of();

    public long seed() {
        return seed;
    }

    public Path model() {
        return model;
    }

    /** @param settings a configuration file's text */
    public ServerSetup setup(String settings) {
        return new ServerSetup(serve, model, settings, Map.of());
    }
}
