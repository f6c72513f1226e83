package io.tandem.kernels.adapter.peft;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.JsonFields;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Bottlenecks as the library {@code adapters} (AdapterHub) saves them: {@code adapter_config.json} with its {@code BnConfig}
 * under {@code config}, and tensors by its names.
 */
final class BottleneckFiles {
    static final String CONFIG = "config";
    static final String FACTOR = "reduction_factor";

    private static final String NAME = "tandem";

    /** The library's names of functions; the first one of several is written. */
    private static final Map<String, Function> FUNCTIONS = functions();

    private BottleneckFiles() {}

    private static Map<String, Function> functions() {
        Map<String, Function> functions = new LinkedHashMap<>();
        functions.put("relu", Function.RELU);
        functions.put("swish", Function.SILU);
        functions.put("silu", Function.SILU);
        functions.put("gelu", Function.GELU);
        functions.put("gelu_new", Function.GELU_TANH);
        functions.put("gelu_pytorch_tanh", Function.GELU_TANH);
        return functions;
    }

    /** Whether the configuration is one of these; PEFT's has a type. */
    static boolean are(JsonFields json) {
        return !json.has(PeftConfig.TYPE)
                && json.value(CONFIG).filter(JsonNode::isObject).isPresent();
    }

    static Function function(JsonFields fields) {
        Function function = FUNCTIONS.get(fields.text("non_linearity").orElse(""));
        if (function == null) {
            throw fields.refuse("non_linearity", "one of " + String.join(", ", FUNCTIONS.keySet()));
        }
        return function;
    }

    /** The library's name of a block's parameter. */
    static String tensor(Site site, String parameter) {
        String block = site.module() == TargetModule.ATTENTION ? "attention" : "output";
        return "model.layers." + site.layer() + "." + block + "_adapters.adapters." + NAME + "." + parameter;
    }

    /** The width of bottlenecks, the library's {@code int(hidden // reduction_factor)} and at least one. */
    static double width(int hidden, double factor) {
        return Math.max(1, quotient(hidden, factor));
    }

    /** As Python divides floats down: what is rounded is the remainder, so no quotient is too large by one. */
    private static double quotient(int hidden, double factor) {
        return Math.rint((hidden - hidden % factor) / factor);
    }

    /** The factor that gives this width, however the division is rounded. */
    private static double factor(int hidden, int width) {
        double factor = (double) hidden / width;
        while (quotient(hidden, factor) < width) {
            factor = Math.nextDown(factor);
        }
        return factor;
    }

    /** What {@code adapters} 1.2 writes; of the model it knows more, and asks for nothing of that. */
    static SortedMap<String, @Nullable Object> fields(BottleneckConfig config, SortedMap<Site, Change> modules) {
        int hidden = modules.values().iterator().next().outputs();
        SortedMap<String, @Nullable Object> fields = new TreeMap<>();
        fields.put(CONFIG, ofLibrary(config, modules, hidden));
        fields.put("hidden_size", hidden);
        fields.put("model_class", null);
        fields.put("model_name", config.baseModel().isEmpty() ? null : config.baseModel());
        fields.put("model_type", null);
        fields.put("name", NAME);
        fields.put("version", "adapters.1.2.0");
        return fields;
    }

    private static SortedMap<String, @Nullable Object> ofLibrary(
            BottleneckConfig config, SortedMap<Site, Change> modules, int hidden) {
        Kind kind = config.kind();
        SortedMap<String, @Nullable Object> fields = new TreeMap<>();
        for (String key : List.of("init_weights_seed", "inv_adapter", "inv_adapter_reduction_factor")) {
            fields.put(key, null);
        }
        for (String key : List.of(
                "adapter_residual_before_ln", "cross_adapter", "ln_after", "ln_before", "phm_layer", "use_gating")) {
            fields.put(key, false);
        }
        fields.put("dropout", 0.0);
        fields.put("init_weights", "mam_adapter");
        fields.put("is_parallel", kind.input() == Input.STREAM);
        fields.put("leave_out", config.without().stream().sorted().toList());
        fields.put("mh_adapter", config.targets().contains(TargetModule.ATTENTION));
        fields.put("non_linearity", name(kind.function()));
        fields.put("original_ln_after", true);
        fields.put("original_ln_before", kind.input() == Input.SUM);
        fields.put("output_adapter", config.targets().contains(TargetModule.MLP));
        fields.put(FACTOR, factors(modules, hidden));
        fields.put("residual_before_ln", true);
        fields.put("scaling", kind.scaling());
        fields.put("stochastic_depth", 0.0);
        return fields;
    }

    private static String name(Function function) {
        return FUNCTIONS.entrySet().stream()
                .filter(entry -> entry.getValue() == function)
                .map(Map.Entry::getKey)
                .findFirst()
                .orElseThrow();
    }

    /** One number, or one for each layer if their widths differ. */
    private static Object factors(SortedMap<Site, Change> modules, int hidden) {
        SortedMap<Integer, Set<Integer>> widths = new TreeMap<>();
        modules.forEach((site, change) ->
                widths.computeIfAbsent(site.layer(), layer -> new TreeSet<>()).add(((Bottleneck) change).width()));
        widths.forEach((layer, own) -> {
            if (own.size() > 1) {
                throw new IllegalArgumentException(
                        "an adapter cannot be saved that has bottlenecks of two widths in layer " + layer);
            }
        });
        Set<Integer> all = widths.values().stream().flatMap(Set::stream).collect(Collectors.toSet());
        if (all.size() == 1) {
            return factor(hidden, all.iterator().next());
        }
        Map<String, Double> factors = new LinkedHashMap<>();
        widths.forEach((layer, own) ->
                factors.put(String.valueOf(layer), factor(hidden, own.iterator().next())));
        return factors;
    }
}
