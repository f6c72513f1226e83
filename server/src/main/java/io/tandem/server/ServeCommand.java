package io.tandem.server;

import io.tandem.server.config.ConfigLoader;
import io.tandem.server.config.ServerConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
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

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "A model in HuggingFace's layout; default the sample model that comes with Tandem.")
    private @Nullable Path model;

    @Option(names = "--model-name", paramLabel = "NAME", description = "What clients call the base model by.")
    private @Nullable String modelName;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            description = "Data type of activations and KV cache: auto, float32 or bfloat16; default auto.")
    private @Nullable String dtype;

    @Option(
            names = "--weight-form",
            paramLabel = "FORM",
            description = "How the weights are stored: auto, plain, packed, float16, int8 or int4; default auto.")
    private @Nullable String weightForm;

    @Option(
            names = "--context-tokens",
            paramLabel = "N",
            description = "Longest prompt and answer together; default 0, what the model allows and memory holds.")
    private @Nullable Integer contextTokens;

    @Option(names = "--config", paramLabel = "FILE", description = "Settings in YAML; default config/tandem.yaml.")
    private @Nullable Path config;

    @Override
    public Integer call() throws Exception {
        Application application = start(load());
        CountDownLatch stop = new CountDownLatch(1);
        Thread closer = new Thread(
                () -> {
                    application.close();
                    stop.countDown();
                },
                "shutdown");
        Runtime.getRuntime().addShutdownHook(closer);
        if (spec != null) {
            spec.commandLine()
                    .getOut()
                    .printf(
                            "Tandem serves '%s' (%d tokens of context) on %s; stop it with Ctrl-C.%n",
                            application.model().name(), application.model().contextTokens(), application.url());
            spec.commandLine().getOut().flush();
        }
        stop.await();
        return 0;
    }

    private static Application start(ServerConfig settings) throws IOException {
        PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        try (LoadingProgress loading = new LoadingProgress(err)) {
            return Application.start(settings, loading);
        }
    }

    private ServerConfig load() throws IOException {
        Path home = Path.of(System.getProperty("tandem.home", "."));
        ConfigLoader loader = new ConfigLoader(home, System.getenv());
        Map<String, Object> flags = new LinkedHashMap<>();
        put(flags, "http.port", port);
        put(flags, "http.host", host);
        put(flags, "http.hosts", hosts.isEmpty() ? null : hosts);
        put(flags, "http.allow-anonymous", allowAnonymous);
        put(flags, "data", data);
        put(flags, "model", model);
        put(flags, "model-name", modelName);
        put(flags, "kernels.dtype", dtype);
        put(flags, "kernels.weight-form", weightForm);
        put(flags, "kernels.context-tokens", contextTokens);
        if (config != null && !Files.isReadable(config)) {
            throw new IOException("the configuration file " + config + " cannot be read");
        }
        Path standard = loader.standardFile();
        Optional<Path> file =
                config != null ? Optional.of(config) : Optional.of(standard).filter(Files::exists);
        ServerConfig loaded = loader.load(file, flags);
        LOG.info(
                "settings: {}{}",
                file.map(path -> path.toAbsolutePath().normalize().toString()).orElse("defaults"),
                flags.isEmpty() ? "" : "; flags: " + String.join(", ", flags.keySet()));
        if (!Files.exists(loaded.model().resolve("config.json"))) {
            throw new IOException("there is no model in " + loaded.model()
                    + ": it has no config.json; name a directory in HuggingFace's layout with --model");
        }
        return loaded;
    }

    private static void put(Map<String, Object> flags, String key, @Nullable Object value) {
        if (value != null) {
            flags.put(key, value instanceof Path ? value.toString() : value);
        }
    }
}
