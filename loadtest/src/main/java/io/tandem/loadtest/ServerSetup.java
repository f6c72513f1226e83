package io.tandem.loadtest;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * How to start a server.
 *
 * @param command that takes the arguments of {@code serve}
 * @param model directory of the base model
 * @param settings a configuration file's text
 * @param environment variables beside those of this process
 */
public record ServerSetup(List<String> command, Path model, String settings, Map<String, String> environment) {

    /** A server as people start it, from the repository's root. */
    static ServerSetup of(Path model, String settings) {
        return new ServerSetup(List.of("./tandem", "serve"), model, settings, Map.of());
    }

    /** The same with variables of the environment. */
    public ServerSetup with(Map<String, String> variables) {
        return new ServerSetup(command, model, settings, variables);
    }

    /** @param cpus processors that the server may use, as {@code taskset -c} takes them; empty for all */
    ServerSetup on(String cpus) {
        List<String> bound = new ArrayList<>(cpus.isEmpty() ? List.of() : List.of("taskset", "-c", cpus));
        bound.addAll(command);
        return new ServerSetup(bound, model, settings, environment);
    }
}
