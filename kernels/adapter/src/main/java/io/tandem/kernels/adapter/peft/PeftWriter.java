package io.tandem.kernels.adapter.peft;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.adapter.QuantizedConfig;
import io.tandem.kernels.adapter.QuantizedFactors;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.Scale.Side;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.adapter.SparseConfig;
import io.tandem.kernels.adapter.SparseFactors;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.DurableFile;
import io.tandem.kernels.weights.SafetensorsWriter;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One writing of an adapter as PEFT would have saved it. */
final class PeftWriter {
    private static final DefaultPrettyPrinter PRINTER = new DefaultPrettyPrinter()
            .withObjectIndenter(new DefaultIndenter("  ", "\n"))
            .withArrayIndenter(new DefaultIndenter("  ", "\n"));
    private static final Set<String> VECTORS = Set.of(
            Dora.MAGNITUDE,
            BiasedFactors.BIAS,
            Bottleneck.DOWN_BIAS,
            Bottleneck.UP_BIAS,
            SparseFactors.R,
            SparseFactors.C);
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private final Adapter adapter;
    private final ModelConfig model;

    PeftWriter(Adapter adapter, ModelConfig model) {
        this.adapter = adapter;
        this.model = model;
        FullFiles.requireSavable(adapter);
        if (adapter.prefix().isPresent()) {
            requireVirtual(adapter);
            return;
        }
        if (adapter.modules().isEmpty()) {
            throw new IllegalArgumentException("an adapter that changes no module cannot be saved");
        }
        Change first = adapter.modules().values().iterator().next();
        adapter.modules().forEach((site, change) -> requireAlike(first, site, change));
        boolean lora = adapter.config() instanceof LoraConfig;
        if (!lora && adapter.modules().values().stream().anyMatch(SingleWeights.class::isInstance)) {
            throw new IllegalArgumentException(
                    "an adapter cannot be saved that has single weights and the configuration of another method");
        }
        if (first instanceof Scale != adapter.config() instanceof Ia3Config
                || first instanceof Bottleneck != adapter.config() instanceof BottleneckConfig
                || first instanceof QuantizedFactors != adapter.config() instanceof QuantizedConfig
                || first instanceof SparseFactors != adapter.config() instanceof SparseConfig
                || (adapter.invocation().isPresent() && !(first instanceof LowRank))) {
            throw new IllegalArgumentException(
                    "an adapter cannot be saved that has " + first.form() + " and the configuration of another method");
        }
    }

    private static void requireVirtual(Adapter adapter) {
        boolean configured = adapter.prefix()
                .orElseThrow()
                .match(
                        prompt -> adapter.config() instanceof PromptConfig,
                        keys -> adapter.config() instanceof PrefixConfig);
        if (!adapter.modules().isEmpty() || !configured) {
            throw new IllegalArgumentException(
                    "an adapter cannot be saved that has virtual tokens beside other changes");
        }
        if (adapter.prefix().filter(Prefix::isFresh).isPresent()) {
            throw new IllegalArgumentException(
                    "an adapter cannot be saved that has virtual tokens without numbers of their own");
        }
    }

    /** PEFT has one form in all modules of an adapter; single weights may stand beside factors in a file of a type of its own. */
    private static void requireAlike(Change first, Site site, Change change) {
        if (change instanceof Dora dora && dora.isFresh()) {
            throw new IllegalArgumentException(
                    "an adapter cannot be saved that has a module without magnitudes, as " + site);
        }
        boolean spt = isOfSpt(first) && isOfSpt(change);
        if (!spt && !change.getClass().equals(first.getClass())) {
            throw new IllegalArgumentException("an adapter cannot be saved that has " + change.form() + " beside "
                    + first.form() + ", as " + site);
        }
    }

    private static boolean isOfSpt(Change change) {
        return change instanceof LowRank || change instanceof SingleWeights;
    }

    void write(Path directory) throws IOException {
        Files.createDirectories(directory);
        // The configuration goes first and comes last: whenever a crash happens, either both files belong together or
        // there is no configuration, and a directory without one is not an adapter to any reader.
        Files.deleteIfExists(directory.resolve(PeftConfig.FILE));
        DurableFile.force(directory);
        Path weights = directory.resolve(PeftReader.WEIGHTS);
        SafetensorsWriter.write(DurableFile.unfinished(weights), tensors());
        DurableFile.publish(DurableFile.unfinished(weights), weights);
        DurableFile.write(
                directory.resolve(PeftConfig.FILE), MAPPER.writer(PRINTER).writeValueAsBytes(allFields()));
    }

    private Map<String, Tensor> tensors() {
        Map<String, Tensor> tensors = new TreeMap<>();
        adapter.modules().forEach((site, change) -> {
            if (change instanceof SingleWeights own) {
                tensors.putAll(SingleWeightFiles.tensors(site, own));
                return;
            }
            change.parameters()
                    .forEach(
                            p -> tensors.put(tensor(site, p.name()), new Tensor(StoredType.F32, shape(p), p.values())));
        });
        tensors.putAll(FullFiles.tensors(adapter));
        adapter.prefix()
                .map(Prefix::parameter)
                .ifPresent(p -> tensors.put(p.name(), new Tensor(StoredType.F32, shape(p), p.values())));
        return tensors;
    }

    private static String tensor(Site site, String parameter) {
        return site.module().isLinear() ? PeftReader.tensor(site, parameter) : BottleneckFiles.tensor(site, parameter);
    }

    private static long[] shape(Parameter parameter) {
        return VECTORS.contains(parameter.name())
                ? new long[] {parameter.rows()}
                : new long[] {parameter.rows(), parameter.columns()};
    }

    private SortedMap<String, @Nullable Object> allFields() {
        SortedMap<String, @Nullable Object> fields = fields();
        if (!adapter.skipped().isEmpty()) {
            fields.put(SkippedLayers.KEY, List.copyOf(adapter.skipped()));
        }
        return fields;
    }

    /** The keys that PEFT 0.17 writes, sorted as it sorts them; later releases fill in what came after. */
    private SortedMap<String, @Nullable Object> fields() {
        if (adapter.prefix().isPresent()) {
            String baseModel = adapter.config().baseModel();
            return adapter.prefix()
                    .get()
                    .match(
                            prompt -> PromptFiles.fields(baseModel, prompt),
                            keys -> PrefixFiles.fields(baseModel, keys));
        }
        if (adapter.config() instanceof BottleneckConfig config) {
            return BottleneckFiles.fields(config, adapter.modules());
        }
        if (adapter.config() instanceof QuantizedConfig config) {
            return QuantizedFactorFiles.fields(config);
        }
        if (adapter.config() instanceof SparseConfig config) {
            return SparseFactorFiles.fields(config, adapter);
        }
        SortedMap<String, @Nullable Object> fields = new TreeMap<>();
        for (String key : List.of("auto_mapping", "exclude_modules", "revision")) {
            fields.put(key, null);
        }
        String baseModel = adapter.config().baseModel();
        fields.put(FullFiles.SAVED, FullFiles.names(adapter));
        fields.put("base_model_name_or_path", baseModel.isEmpty() ? null : baseModel);
        fields.put("fan_in_fan_out", false);
        fields.put("inference_mode", true);
        List<String> feedforward = names(PeftWriter::scalesInput);
        // PEFT wants every name of feedforward_modules in target_modules too.
        fields.put(
                "target_modules",
                Stream.concat(names(change -> !scalesInput(change)).stream(), feedforward.stream())
                        .toList());
        fields.put("task_type", "CAUSAL_LM");
        if (adapter.config() instanceof LoraConfig lora) {
            fields.putAll(adapter.maxRank() > 0 ? lora(lora) : shira(lora));
        } else if (adapter.config() instanceof ActivatedConfig activated) {
            fields.putAll(lora(activated.lora()));
            fields.put(PeftConfig.INVOCATION, activated.tokens().tokens());
        } else {
            fields.put("peft_type", "IA3");
            fields.put("init_ia3_weights", true);
            fields.put("feedforward_modules", feedforward);
        }
        return fields;
    }

    private static boolean scalesInput(Change change) {
        return change instanceof Scale scale && scale.side() == Side.INPUT;
    }

    private static Map<String, Object> shira(LoraConfig config) {
        return Map.of(
                "peft_type", SingleWeightFiles.TYPE, "r", config.rank(), "mask_type", "random", "init_weights", true);
    }

    private SortedMap<String, @Nullable Object> lora(LoraConfig config) {
        SortedMap<String, @Nullable Object> fields = new TreeMap<>();
        for (String key : List.of(
                "corda_config",
                "eva_config",
                "layer_replication",
                "layers_pattern",
                "layers_to_transform",
                "megatron_config",
                "target_parameters",
                "trainable_token_indices")) {
            fields.put(key, null);
        }
        fields.put("lora_bias", adapter.modules().values().stream().anyMatch(BiasedFactors.class::isInstance));
        fields.put("use_qalora", false);
        fields.put("bias", "none");
        fields.put("init_lora_weights", true);
        fields.put("loftq_config", Map.of());
        fields.put("lora_alpha", plain(config.alpha()));
        fields.put("lora_dropout", 0.0);
        fields.put("megatron_core", "megatron.core");
        boolean single = adapter.modules().values().stream().anyMatch(SingleWeights.class::isInstance);
        fields.put("peft_type", single ? SingleWeightFiles.WITH_FACTORS : "LORA");
        fields.put("qalora_group_size", 16);
        fields.put("r", config.rank());
        fields.put("rank_pattern", patterns(config.rank(), LowRank::rank));
        fields.put("alpha_pattern", patterns(config.alpha(), factors -> alpha(config, factors)));
        fields.put("use_dora", adapter.modules().values().stream().anyMatch(Dora.class::isInstance));
        fields.put("use_rslora", config.rankStabilized());
        return fields;
    }

    /**
     * Of the modules with such a change: labels of which the model has no other modules, else whole names, which PEFT finds in a list
     * too. So it makes the modules that the adapter has and no more, whichever layers those are in.
     */
    private List<String> names(Predicate<Change> chosen) {
        Set<Site> sites = new TreeSet<>();
        adapter.modules().forEach((site, change) -> {
            if (chosen.test(change)) {
                sites.add(site);
            }
        });
        Set<String> shared = Site.all(model).stream()
                .filter(site -> !sites.contains(site))
                .map(site -> site.module().label())
                .collect(Collectors.toSet());
        return sites.stream()
                .map(site -> shared.contains(site.module().label())
                        ? site.toString()
                        : site.module().label())
                .distinct()
                .toList();
    }

    /** The modules whose value is not the default: by label if all layers agree on it, otherwise by whole name. */
    private Map<String, Number> patterns(double common, ToDoubleFunction<LowRank> value) {
        Map<String, Number> patterns = new LinkedHashMap<>();
        for (TargetModule module : TargetModule.values()) {
            SortedMap<Site, Double> values = new TreeMap<>();
            adapter.modules().forEach((site, change) -> {
                if (site.module() == module) {
                    change.lowRank().ifPresent(factors -> values.put(site, value.applyAsDouble(factors)));
                }
            });
            boolean uniform = new HashSet<>(values.values()).size() == 1;
            values.forEach((site, own) -> {
                if (own != common) {
                    patterns.put(uniform ? module.label() : site.toString(), plain(own));
                }
            });
        }
        return patterns;
    }

    /** The alpha from which a reader computes the module's scaling. */
    private static double alpha(LoraConfig config, LowRank factors) {
        if (config.scaling(factors.rank()) == factors.scaling()) {
            return config.alpha();
        }
        double divisor = config.rankStabilized() ? Math.sqrt(factors.rank()) : factors.rank();
        double alpha = factors.scaling() * divisor;
        // The product is rounded; one of its neighbours may divide back to the very same scaling.
        for (double candidate : new double[] {alpha, Math.rint(alpha), Math.nextUp(alpha), Math.nextDown(alpha)}) {
            if (candidate / divisor == factors.scaling()) {
                return candidate;
            }
        }
        return alpha;
    }

    /** Whole numbers without a fraction, as PEFT writes them. */
    private static Number plain(double value) {
        boolean whole = value == Math.rint(value) && Math.abs(value) < 1e9;
        return whole ? (Number) (int) value : (Number) value;
    }
}
