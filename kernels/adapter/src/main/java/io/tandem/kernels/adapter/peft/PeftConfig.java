package io.tandem.kernels.adapter.peft;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.AdapterConfig;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.Scale.Side;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What an {@code adapter_config.json} means for the modules of a model. Keys that would change the arithmetic in a way
 * that the types do not cover are refused by name; keys that are not known are ignored, as PEFT does.
 */
final class PeftConfig {
    static final String FILE = "adapter_config.json";
    static final String INVOCATION = "alora_invocation_tokens";

    private static final String FEEDFORWARD = "feedforward_modules";
    static final String TYPE = "peft_type";
    private static final String LORA = "LORA";
    private static final String IA3 = "IA3";
    private static final String LORA_BIAS = "lora_bias";
    private static final String ADALORA = "ADALORA";
    private static final List<String> TYPES = List.of(
            LORA,
            ADALORA,
            IA3,
            PromptFiles.TYPE,
            PrefixFiles.TYPE,
            SingleWeightFiles.TYPE,
            QuantizedFactorFiles.TYPE,
            SparseFactorFiles.TYPE,
            SingleWeightFiles.WITH_FACTORS);
    private static final int MAX_INVOCATION = 1024;
    private static final int MAX_FILE_BYTES = 1 << 20;
    private static final int MAX_RANK = 1 << 20;
    private static final int MAX_PATTERNS = 2048;
    static final int MAX_BASE_MODEL_LENGTH = 4096;
    private static final double MAX_ALPHA = 1e9;

    /** Set means a variant with other arithmetic, or weights that are not low-rank factors. */
    private static final List<String> MUST_BE_NULL = List.of(
            "arrow_config",
            "layer_replication",
            "megatron_config",
            "target_parameters",
            "trainable_token_indices",
            "use_bdlora");

    private static final List<String> MUST_BE_FALSE = List.of("fan_in_fan_out", "use_qalora");

    /** Others subtract something from the base model's weights, which the adapter alone does not tell. */
    private static final Set<String> INITIALIZATIONS = Set.of("gaussian", "eva", "orthogonal");

    private final JsonFields json;
    private final ModulePattern.Budget budget = new ModulePattern.Budget();
    private final ModuleSelection selection;
    private final Predicate<Site> feedforward;
    private final Optional<AdaLora> adaLora;
    private final Optional<Invocation> invocation;
    private final Map<ModulePattern, Double> rankPatterns;
    private final Map<ModulePattern, Double> alphaPatterns;

    private PeftConfig(JsonFields json) {
        this.json = json;
        this.selection = ModuleSelection.read(json, budget);
        this.feedforward = json.value(FEEDFORWARD).isEmpty()
                ? site -> Ia3Config.side(site.module()) == Side.INPUT
                : ModuleSelection.endings(json, FEEDFORWARD, budget);
        boolean adaptive = type(json).equals(ADALORA);
        this.adaLora = adaptive ? Optional.of(new AdaLora(json, MAX_RANK, alpha())) : Optional.empty();
        this.rankPatterns = adaptive ? Map.of() : patterns("rank_pattern", 1, MAX_RANK);
        this.invocation = invocation();
        this.alphaPatterns = adaptive ? Map.of() : patterns("alpha_pattern", -MAX_ALPHA, MAX_ALPHA);
    }

    /**
     * Reads the file.
     *
     * @throws ModelFormatException if it is missing, damaged, or of another type
     */
    static JsonFields open(Path directory) {
        JsonFields json = JsonFields.read(directory.resolve(FILE), MAX_FILE_BYTES);
        if (!TYPES.contains(type(json)) && !BottleneckFiles.are(json)) {
            throw json.refuse(TYPE, "one of " + String.join(", ", TYPES));
        }
        return json;
    }

    static String type(JsonFields json) {
        return json.text(TYPE).orElse("");
    }

    /** What it means for modules. */
    static PeftConfig read(JsonFields json) {
        refuseVariants(json);
        return new PeftConfig(json);
    }

    private static void refuseVariants(JsonFields json) {
        for (String key : MUST_BE_NULL) {
            JsonNode value = json.value(key).orElse(null);
            if (value != null && !(value.isBoolean() && !value.booleanValue())) {
                throw json.refuse(key, "null: this variant is not supported");
            }
        }
        for (String key : MUST_BE_FALSE) {
            if (json.bool(key, false)) {
                throw json.refuse(key, "false: this variant is not supported");
            }
        }
        boolean plain = type(json).equals(LORA)
                && !json.bool("use_dora", false)
                && json.value(INVOCATION).isEmpty();
        if (json.bool(LORA_BIAS, false) && !plain) {
            throw json.refuse(
                    LORA_BIAS, "false: of all forms LoRA alone has such biases, without magnitudes or invocation");
        }
        if (!json.text("bias").orElse("none").equals("none")) {
            throw json.refuse("bias", "\"none\": trained biases are not supported");
        }
        JsonNode init = json.value("init_lora_weights").orElse(null);
        if (init != null && !init.isBoolean() && !INITIALIZATIONS.contains(init.asText())) {
            throw json.refuse(
                    "init_lora_weights",
                    "an initialization that leaves the base model alone; convert the adapter with PEFT's"
                            + " path_initial_model_for_weight_conversion");
        }
    }

    private Map<ModulePattern, Double> patterns(String key, double min, double max) {
        Map<ModulePattern, Double> patterns = new LinkedHashMap<>();
        JsonFields fields = json.object(key).orElse(null);
        if (fields == null) {
            return patterns;
        }
        for (String expression : fields.keys()) {
            if (patterns.size() == MAX_PATTERNS) {
                throw json.refuse(key, "at most " + MAX_PATTERNS + " patterns");
            }
            ModulePattern pattern = ModuleSelection.pattern(json, key, "(.*\\.)?(" + expression + ")$", budget);
            patterns.put(pattern, fields.number(expression, min, max));
        }
        return patterns;
    }

    /** The first pattern that fits decides, in the order of the file. */
    private double lookUp(String key, Map<ModulePattern, Double> patterns, Site site, double fallback) {
        String name = site.toString();
        for (Map.Entry<ModulePattern, Double> entry : patterns.entrySet()) {
            ModulePattern pattern = entry.getKey();
            if (ModuleSelection.guarded(json, key, () -> pattern.matchesBeginning(name))) {
                return entry.getValue();
            }
        }
        return fallback;
    }

    /** Whether the adapter changes the module. */
    boolean targets(Site site) {
        return selection.contains(site);
    }

    /** Whether modules are scaled, and not changed by factors. */
    boolean ia3() {
        return type(json).equals(IA3);
    }

    /** Whether modules may have factors. */
    boolean factors() {
        return !ia3() && !type(json).equals(SingleWeightFiles.TYPE);
    }

    /** Whether modules may have single weights. */
    boolean singleWeights() {
        return (!factors() && !ia3()) || type(json).equals(SingleWeightFiles.WITH_FACTORS);
    }

    /** Whether (IA)^3 scales the module's input, and not its output. */
    boolean feedforward(Site site) {
        return feedforward.test(site);
    }

    /** The rank of modules without a pattern of their own. */
    int rank() {
        return json.integer("r", 1, MAX_RANK, 8);
    }

    /** If it is AdaLoRA, what is different then. */
    Optional<AdaLora> adaLora() {
        return adaLora;
    }

    /** The rank of a module; of AdaLoRA it may be 0. */
    int rank(Site site) {
        if (adaLora.isPresent()) {
            return adaLora.get().rank(site);
        }
        double rank = lookUp("rank_pattern", rankPatterns, site, rank());
        if (rank != Math.rint(rank)) {
            throw json.refuse("rank_pattern", "whole numbers");
        }
        return (int) rank;
    }

    /** The alpha of modules without a pattern of their own. */
    double alpha() {
        return json.number("lora_alpha", -MAX_ALPHA, MAX_ALPHA, 8);
    }

    /** The factor on a module's product. */
    double scaling(Site site) {
        if (adaLora.isPresent()) {
            return adaLora.get().scaling();
        }
        double alpha = lookUp("alpha_pattern", alphaPatterns, site, alpha());
        return rankStabilized() ? alpha / Math.sqrt(rank(site)) : alpha / rank(site);
    }

    /**
     * The same without what only reading needs.
     *
     * @param modules that were read
     */
    AdapterConfig of(SortedMap<Site, Change> modules) {
        Set<TargetModule> targets = modules.keySet().stream()
                .map(Site::module)
                .collect(Collectors.toCollection(() -> EnumSet.noneOf(TargetModule.class)));
        if (ia3()) {
            return new Ia3Config(targets, baseModel(json));
        }
        if (adaLora.isPresent()) {
            // As LoRA says it of the modules with most ranks.
            int rank = modules.values().stream().mapToInt(Change::rank).max().orElseThrow();
            return new LoraConfig(rank, rank * adaLora.get().scaling(), false, targets, baseModel(json));
        }
        LoraConfig lora = new LoraConfig(rank(), alpha(), rankStabilized(), targets, baseModel(json));
        return invocation.isEmpty() ? lora : new ActivatedConfig(lora, invocation.get());
    }

    /** From where on the adapter acts, if not on whole texts. */
    private Optional<Invocation> invocation() {
        JsonNode tokens = json.value(INVOCATION).orElse(null);
        if (tokens == null) {
            return Optional.empty();
        }
        if (!type(json).equals(LORA) || dora()) {
            throw json.refuse(INVOCATION, "null: only LoRA without use_dora has it");
        }
        boolean sound = tokens.isArray() && !tokens.isEmpty() && tokens.size() <= MAX_INVOCATION;
        List<Integer> own = new ArrayList<>();
        for (JsonNode token : tokens) {
            sound = sound && token.isInt() && token.intValue() >= 0;
            own.add(token.intValue());
        }
        if (!sound) {
            throw json.refuse(INVOCATION, "a list of 1 to " + MAX_INVOCATION + " token ids");
        }
        return Optional.of(new Invocation(own));
    }

    /** AdaLoRA has no use for it. */
    boolean rankStabilized() {
        return adaLora.isEmpty() && json.bool("use_rslora", false);
    }

    /** Whether every module has magnitudes. */
    boolean dora() {
        return json.bool("use_dora", false);
    }

    /** Whether B of every module has a bias. */
    boolean loraBias() {
        return json.bool(LORA_BIAS, false);
    }

    static String baseModel(JsonFields json) {
        String name = json.text("base_model_name_or_path").orElse("");
        if (name.length() > MAX_BASE_MODEL_LENGTH) {
            throw json.refuse("base_model_name_or_path", "at most " + MAX_BASE_MODEL_LENGTH + " characters");
        }
        return name;
    }

    /** What files of every type say, for others to be added. {@code baseModel} may be empty */
    static SortedMap<String, @Nullable Object> fields(String type, String baseModel) {
        SortedMap<String, @Nullable Object> fields = new TreeMap<>();
        fields.put(TYPE, type);
        fields.put("base_model_name_or_path", baseModel.isEmpty() ? null : baseModel);
        return fields;
    }
}
