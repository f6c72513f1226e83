package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.config.ApiKey;
import java.io.PrintWriter;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
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
            defaultValue = "${env:TANDEM_URL:-http://localhost:8080}",
            description = "The server; default $TANDEM_URL, or http://localhost:8080.")
    private String url = "";

    @Option(
            names = "--api-key",
            paramLabel = "KEY",
            scope = ScopeType.INHERIT,
            defaultValue = "${env:" + ApiKey.VARIABLE + "}",
            description = "The server's API key; better kept in " + ApiKey.VARIABLE + ", which other users cannot see.")
    private @Nullable String apiKey;

    @Option(names = "--json", scope = ScopeType.INHERIT, description = "Print the server's answer in JSON.")
    private boolean json;

    ServerClient client() {
        return new ServerClient(url, Optional.ofNullable(apiKey).filter(key -> !key.isBlank()), flags());
    }

    /** What this command calls the fields of its requests. */
    Map<String, String> flags() {
        return Map.of();
    }

    /** A complaint about the arguments. */
    ParameterException wrong(String message) {
        return new ParameterException(Objects.requireNonNull(spec).commandLine(), message);
    }

    /** Whether a program reads the output. */
    boolean json() {
        return json;
    }

    /** Where answers go. */
    PrintWriter out() {
        return Objects.requireNonNull(spec).commandLine().getOut();
    }

    /** Where progress goes. */
    PrintWriter err() {
        return Objects.requireNonNull(spec).commandLine().getErr();
    }

    int print(JsonNode answer) {
        return say(answer.toPrettyString());
    }

    int say(String text) {
        out().println(text);
        out().flush();
        return 0;
    }
}
