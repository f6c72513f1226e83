package io.tandem.server;

import io.tandem.server.config.ServerConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Flags that say what a server keeps, for commands that copy it. */
final class StoredOptions {
    @Option(names = "--data", paramLabel = "DIR", description = "The data directory; default tandem-data.")
    private @Nullable Path data;

    @Option(names = "--config", paramLabel = "FILE", description = "Settings in YAML; default config/tandem.yaml.")
    private @Nullable Path config;

    /** The settings that they make with the configuration file. */
    ServerConfig settings() throws IOException {
        Map<String, Object> flags = new LinkedHashMap<>();
        ModelOptions.put(flags, "data", data);
        return ModelOptions.settings(Optional.ofNullable(config), flags);
    }
}
