package io.tandem.server;

import io.tandem.server.config.ServerConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code tandem serve}. */
@Command(
        name = "serve",
        description = "Starts the server. Flags win over the configuration file.",
        mixinStandardHelpOptions = true)
final class ServeCommand implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(ServeCommand.class);

    @Spec
    private @Nullable CommandSpec spec;

    @Option(
            names = "--port",
            paramLabel = "PORT",
            description = "Port to listen on; default 8080, 0 chooses a free one.")
    private @Nullable Integer port;

    @Option(names = "--host", paramLabel = "HOST", description = "Address to listen on; default 127.0.0.1.")
    private @Nullable String host;

    @Option(
            names = "--allow-host",
            paramLabel = "NAME",
            description =
                    "Another name that clients may address the server by, for example behind a proxy. Repeatable.")
    private List<String> hosts = List.of();

    @Option(
            names = "--allow-anonymous",
            description = "Serve other machines without an API key. A key comes from TANDEM_API_KEY or http.api-key.")
    private @Nullable Boolean allowAnonymous;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Where files, jobs and adapters are kept; default tandem-data.")
    private @Nullable Path data;

    @Mixin
    private final ModelOptions options = new ModelOptions();

    @Override
    public Integer call() throws Exception {
        ServerConfig settings = load();
        StopSignal stop = StopSignal.listen();
        LOG.info("loading {}", settings.model());
        try (Application application = start(settings, stop)) {
            announce(application);
            stop.await();
            application.drain(settings.operation().drainSeconds());
        } catch (CancellationException e) {
            LOG.info("{}", e.getMessage());
        }
        return 0;
    }

    private void announce(Application application) {
        if (spec != null) {
            spec.commandLine()
                    .getOut()
                    .printf(
                            "Tandem serves '%s' (%d tokens of context) on %s; stop it with Ctrl-C.%n",
                            application.model().name(), application.model().contextTokens(), application.url());
            spec.commandLine().getOut().flush();
        }
    }

    private static Application start(ServerConfig settings, StopSignal stop) throws IOException {
        PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        try (LoadingProgress loading = new LoadingProgress("loading the model", err)) {
            return Application.start(settings, (read, total) -> {
                stop.requireNone();
                loading.show(read, total);
            });
        }
    }

    private ServerConfig load() throws IOException {
        Map<String, Object> flags = new LinkedHashMap<>();
        ModelOptions.put(flags, "http.port", port);
        ModelOptions.put(flags, "http.host", host);
        ModelOptions.put(flags, "http.hosts", hosts.isEmpty() ? null : hosts);
        ModelOptions.put(flags, "http.allow-anonymous", allowAnonymous);
        ModelOptions.put(flags, "data", data);
        return options.load(flags);
    }
}
