package io.tandem.server.client;

import io.tandem.server.config.ApiKey;
import java.io.PrintWriter;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** A command that talks to a running server. */
abstract class ServerCommand {
    @Spec
    private @Nullable CommandSpec spec;

    @Option(
            names = "--url",
            paramLabel = "URL",
            scope = ScopeType.INHERIT,
            defaultValue = "http://localhost:8080",
            description = "The server; default ${DEFAULT-VALUE}.")
    private String url = "";

    @Option(
            names = "--api-key",
            paramLabel = "KEY",
            scope = ScopeType.INHERIT,
            defaultValue = "${env:" + ApiKey.VARIABLE + "}",
            description = "The server's API key; better kept in " + ApiKey.VARIABLE + ", which other users cannot see.")
    private @Nullable String apiKey;

    ServerClient client() {
        return new ServerClient(url, Optional.ofNullable(apiKey).filter(key -> !key.isBlank()));
    }

    PrintWriter out() {
        return Objects.requireNonNull(spec).commandLine().getOut();
    }
}
