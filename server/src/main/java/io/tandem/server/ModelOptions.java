package io.tandem.server;

import io.tandem.kernels.LoadProgress;
import io.tandem.server.config.ConfigLoader;
import io.tandem.server.config.ServerConfig;
import io.tandem.server.remote.Hub;
import io.tandem.server.remote.HubName;
import io.tandem.server.remote.HubSettings;
import io.tandem.server.remote.Unavailable;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Option;

/** Flags that say which model is loaded and how, and the settings that they make with the configuration file. */
final class ModelOptions {
    private static final Logger LOG = LoggerFactory.getLogger(ModelOptions.class);

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description =
                    "A directory in HuggingFace's layout, a GGUF file, or OWNER/NAME[@REVISION] of the hub, which is"
                            + " downloaded once (HF_TOKEN, HF_ENDPOINT, HF_HOME); default the sample model that comes"
                            + " with Tandem.")
    private @Nullable String model;

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

    /** How a model of the hub comes into the cache. */
    interface Fetching {
        /** @return its directory */
        Path fetch(Hub hub, HubName name, LoadProgress progress) throws IOException;
    }

    /** Reads the settings. A model of the hub is downloaded if it is not in the cache. */
    ServerConfig load(Map<String, Object> others) throws IOException {
        return load(others, Hub::model);
    }

    /**
     * Reads the settings.
     *
     * @param others flags of the command by their settings; they win over the configuration file, as these do
     * @throws IOException if the configuration file cannot be read, or there is no model, or it cannot be downloaded
     */
    ServerConfig load(Map<String, Object> others, Fetching fetching) throws IOException {
        Map<String, Object> flags = new LinkedHashMap<>(others);
        put(flags, "model", model);
        put(flags, "model-name", modelName);
        put(flags, "kernels.dtype", dtype);
        put(flags, "kernels.weight-form", weightForm);
        put(flags, "kernels.context-tokens", contextTokens);
        ServerConfig loaded = settings(Optional.ofNullable(config), flags);
        boolean local = Files.isRegularFile(loaded.model())
                || Files.exists(loaded.model().resolve("config.json"));
        return local ? loaded : downloaded(loaded, fetching);
    }

    /**
     * Reads the settings, whatever the model is.
     *
     * @param config the configuration file; the standard one if it is empty
     */
    static ServerConfig settings(Optional<Path> config, Map<String, Object> flags) throws IOException {
        if (config.isPresent() && !Files.isReadable(config.get())) {
            throw new IOException("the configuration file " + config.get() + " cannot be read");
        }
        ConfigLoader loader = new ConfigLoader(Path.of(System.getProperty("tandem.home", ".")), System.getenv());
        Optional<Path> file =
                config.isPresent() ? config : Optional.of(loader.standardFile()).filter(Files::exists);
        ServerConfig loaded = loader.load(file, flags);
        LOG.info(
                "settings: {}{}",
                file.map(path -> path.toAbsolutePath().normalize().toString()).orElse("defaults"),
                flags.isEmpty() ? "" : "; flags: " + String.join(", ", flags.keySet()));
        return loaded;
    }

    /** What is no directory may be the name of a model of the hub. */
    private static ServerConfig downloaded(ServerConfig config, Fetching fetching) throws IOException {
        String text = config.model().toString().replace(File.separatorChar, '/');
        Optional<HubName> name = Files.exists(config.model()) ? Optional.empty() : HubName.parse(text);
        if (name.isEmpty()) {
            throw new IOException("there is no model in " + config.model()
                    + ": it has no config.json; name a directory in HuggingFace's layout, a GGUF file, or a model of"
                    + " the hub as OWNER/NAME, with --model");
        }
        Hub hub = new Hub(HubSettings.of(System.getenv()));
        PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        try (LoadingProgress progress = new LoadingProgress("downloading " + name.get(), err)) {
            Path snapshot = fetching.fetch(hub, name.get(), progress);
            LOG.info("model {} is in {}", name.get(), snapshot);
            return config.withModel(snapshot, name.get().repository());
        } catch (Unavailable e) {
            // Whoever misspells a directory learns nothing from what the hub says of it.
            if (e.reason() == Unavailable.Reason.ABSENT || e.reason() == Unavailable.Reason.UNREACHABLE) {
                throw new IOException("there is no directory " + config.model() + ", and " + e.getMessage(), e);
            }
            throw e;
        }
    }

    /** @param value nothing is put if it is null */
    static void put(Map<String, Object> flags, String key, @Nullable Object value) {
        if (value != null) {
            flags.put(key, value instanceof Path ? value.toString() : value);
        }
    }
}
