package io.tandem.server.config;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.model.Dtype;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.SchedulerConfig.Drafts;
import io.tandem.scheduler.SchedulerConfig.Finetuning;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Packs;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.server.config.HttpConfig.OnUnknownField;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Reads settings from a YAML file, from environment variables, which win over the file, and from flags, which win over
 * both; what none of them gives is the default written here.
 */
public final class ConfigLoader {
    private static final String API_KEY = "http.api-key";

    /** Environment variables and the settings that they replace. */
    private static final Map<String, String> VARIABLES = Map.of(
            ApiKey.VARIABLE,
            API_KEY,
            "TANDEM_WEIGHT_FORM",
            "kernels.weight-form",
            "TANDEM_DOCUMENTS",
            StorageConfig.DOCUMENTS,
            "TANDEM_BLOBS",
            StorageConfig.BLOBS);

    private final Path home;
    private final Map<String, String> environment;

    /**
     * @param home directory of the installation; the default model is below it
     * @param environment variables of the process
     */
    public ConfigLoader(Path home, Map<String, String> environment) {
        this.home = home;
        this.environment = environment;
    }

    /** The file that is read when none is named. */
    public Path standardFile() {
        return home.resolve("config/tandem.yaml");
    }

    /**
     * @param file in YAML; without one there are only defaults and flags
     * @param flags values by full key, as in the file
     * @throws ConfigException if a key is unknown or a value is wrong
     */
    public ServerConfig load(Optional<Path> file, Map<String, Object> flags) {
        ConfigValues values = new ConfigValues();
        file.ifPresent(path -> SettingsFile.read(path, values));
        VARIABLES.forEach((variable, key) -> {
            String value = environment.getOrDefault(variable, "");
            if (!value.isBlank()) {
                values.add(variable, key, value);
            }
        });
        flags.forEach((key, value) -> values.add("command line", key, value));
        ServerConfig config = assemble(values, file.map(Path::toString).orElse("command line"));
        values.refuseUnknown();
        return config;
    }

    /** Every key that may be set. */
    public Set<String> keys() {
        ConfigValues values = new ConfigValues();
        assemble(values, "");
        return values.known();
    }

    private ServerConfig assemble(ConfigValues values, String origin) {
        try {
            Path data = values.text("data").map(Path::of).orElse(Path.of("tandem-data"));
            return new ServerConfig(
                    http(values),
                    new OperationConfig(
                            values.integer("server.drain-timeout", OperationConfig.DEFAULT.drainSeconds()),
                            values.number("server.stall-timeout", OperationConfig.DEFAULT.stallSeconds()),
                            values.flag("server.access-log", OperationConfig.DEFAULT.accessLog())),
                    data,
                    StorageConfig.of(
                            values.secret(StorageConfig.DOCUMENTS),
                            Optional.ofNullable(environment.get("PGPASSWORD")),
                            values.text(StorageConfig.BLOBS),
                            values.longInteger(StorageConfig.CACHE, StorageConfig.EMBEDDED.cacheBytes())),
                    values.text("model").map(Path::of).orElseGet(() -> home.resolve("config/models/sample")),
                    values.text("model-name"),
                    new SamplingConfig(
                            modelSampling(values), values.number("early-exit", SamplingConfig.DEFAULT.earlyExit())),
                    new ParserConfig(
                            constant(values, "tool-parser", ParserConfig.Tools.class, ParserConfig.Tools.AUTO),
                            constant(
                                    values,
                                    "reasoning-parser",
                                    ParserConfig.Reasoning.class,
                                    ParserConfig.Reasoning.AUTO)),
                    values.text("adapter-root").map(Path::of).orElseGet(() -> data.resolve("import")),
                    values.longInteger("training-memory-bytes", 0),
                    new FinetuneConfig(
                            values.integer("finetune.keep-checkpoints", FinetuneConfig.DEFAULT.keepCheckpoints())),
                    batches(values),
                    adapters(values),
                    scheduler(values),
                    kernels(values));
        } catch (IllegalArgumentException e) {
            String message = String.valueOf(e.getMessage());
            String key = message.substring(0, Math.max(0, message.indexOf(' ')));
            String where = values.origin(key);
            throw new ConfigException((where.isEmpty() ? origin + ": " : where) + message, e);
        }
    }

    private static boolean modelSampling(ConfigValues values) {
        String from = values.text("sampling-defaults").orElse("model");
        if (!from.equals("model") && !from.equals("openai")) {
            throw new IllegalArgumentException("sampling-defaults is " + from + ", expected model or openai");
        }
        return from.equals("model");
    }

    private static <E extends Enum<E>> E constant(ConfigValues values, String key, Class<E> type, E absent) {
        String text = values.text(key).orElse(absent.name());
        for (E constant : type.getEnumConstants()) {
            if (constant.name().equalsIgnoreCase(text)) {
                return constant;
            }
        }
        throw new IllegalArgumentException(key + " is " + text + ", expected one of "
                + List.of(type.getEnumConstants()).toString().toLowerCase(Locale.ROOT));
    }

    private static HttpConfig http(ConfigValues values) {
        return new HttpConfig(
                values.text("http.host").orElse("127.0.0.1"),
                values.integer("http.port", 8080),
                values.integer("http.max-body-bytes", 16 << 20),
                values.longInteger("http.max-upload-bytes", 1L << 30),
                values.longInteger("http.upload-rate", HttpConfig.UPLOAD_RATE),
                values.oneOf("http.unknown-fields", OnUnknownField.IGNORE),
                HttpAccess.of(
                        values.texts("http.hosts"),
                        values.texts("http.cors-origins"),
                        values.secret(API_KEY).map(key -> ApiKey.of(API_KEY, key)),
                        values.flag("http.allow-anonymous", false),
                        TlsConfig.of(values.text("tls.certificate"), values.text("tls.key")),
                        JwtConfig.of(
                                values.text("jwt.issuer"),
                                values.text("jwt.audience"),
                                values.text("jwt.jwks"),
                                values.text("jwt.tenant-claim").orElse("tenant"),
                                values.text("jwt.role-claim").orElse("role"))),
                new HttpLimits(
                        values.integer("http.max-connections", HttpLimits.DEFAULT.maxConnections()),
                        values.integer("http.idle-timeout", HttpLimits.DEFAULT.idleSeconds()),
                        values.integer("http.body-timeout", HttpLimits.DEFAULT.bodySeconds()),
                        values.integer("http.write-timeout", HttpLimits.DEFAULT.writeSeconds())));
    }

    private static BatchesConfig batches(ConfigValues values) {
        BatchesConfig standard = BatchesConfig.DEFAULT;
        return new BatchesConfig(
                values.integer("batches.max-lines", standard.maxLines()),
                values.longInteger("batches.max-bytes", standard.maxBytes()),
                values.integer("batches.max-open", standard.maxOpen()),
                values.integer("batches.concurrent-rows", standard.concurrentRows()));
    }

    private static AdaptersConfig adapters(ConfigValues values) {
        AdaptersConfig standard = AdaptersConfig.DEFAULT;
        return new AdaptersConfig(
                values.longInteger("adapters.host-memory-bytes", standard.hostMemoryBytes()),
                values.longInteger("adapters.disk-bytes", standard.diskBytes()),
                values.integer("adapters.max-versions", standard.maxVersions()),
                values.number("adapters.compress-after", standard.compressAfterSeconds()),
                values.number("adapters.compress-density", standard.compressDensity()),
                values.number("adapters.routing-margin", standard.routingMargin()),
                new SourcesConfig(
                        values.section("adapters.sources"),
                        values.texts("adapters.allow-sources"),
                        values.longInteger("adapters.max-download-bytes", SourcesConfig.NONE.maxBytes())));
    }

    private static SchedulerConfig scheduler(ConfigValues values) {
        return new SchedulerConfig(
                new Targets(
                        values.number("scheduler.tpot-target", 50),
                        values.number("scheduler.ttft-target", 2000),
                        values.number("scheduler.tenant-delay", 5)),
                new Finetuning(
                        values.integer("scheduler.max-finetune-tokens", 1024),
                        values.number("scheduler.finetune-floor", 0.05),
                        values.integer("scheduler.fixed-window-tokens", 0),
                        values.oneOf("scheduler.mode", Mode.CO_SERVING),
                        values.integer("scheduler.temporal-interval", 64)),
                values.integer("scheduler.prefill-chunk-tokens", 256),
                values.integer("scheduler.kv-cache-tokens", 0),
                values.integer("scheduler.max-queued-requests", 256),
                values.integer("scheduler.max-queued-jobs", 32),
                values.integer("scheduler.concurrent-jobs", 2),
                values.oneOf("scheduler.packs", Packs.TOGETHER),
                new Speculation(
                        values.oneOf("scheduler.speculation", Drafts.NONE),
                        values.integer("scheduler.max-draft-tokens", 8)));
    }

    private static KernelsConfig kernels(ConfigValues values) {
        KernelsConfig limits = new KernelsConfig(
                values.oneOf("kernels.dtype", Dtype.AUTO, "; for weights in other types set kernels.weight-form"),
                values.oneOf("kernels.weight-form", WeightForm.AUTO),
                values.integer("kernels.threads", 0),
                values.integer("kernels.kv-slots", 32),
                values.integer("kernels.context-tokens", 0),
                values.integer("kernels.max-tokens-per-iteration", 1024),
                values.integer("kernels.adapter-slots", 16),
                values.integer("kernels.max-rank", 64),
                values.integer("kernels.pack-tokens", 2048),
                values.oneOf("kernels.stash", Stash.KEEP));
        return limits.withFullModules(values.integer("kernels.full-modules", 0))
                .withTeacher(values.text("kernels.teacher").map(Path::of));
    }
}
