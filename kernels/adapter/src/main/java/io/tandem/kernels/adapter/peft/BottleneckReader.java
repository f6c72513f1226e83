package io.tandem.kernels.adapter.peft;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsFile;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@link BottleneckFiles}. Whatever would change the arithmetic in a way that {@link Bottleneck} does not have is
 * refused by name.
 */
final class BottleneckReader {
    private static final double LARGEST = 1e6;
    private static final int MAX_LAYERS = 1 << 16;

    private static final Pattern TENSOR = Pattern.compile(
            "(?:model\\.)?layers\\.(\\d{1,6})\\.(attention|output)_adapters\\.adapters\\.([^.]{1,200})\\."
                    + "(adapter_(?:down\\.0|up)\\.(?:weight|bias))");

    /** Architectures in which the library adds the stream, and norms nothing, before a bottleneck in series. */
    private static final Set<String> UNNORMED = Set.of("LlamaForCausalLM", "MistralForCausalLM");

    private BottleneckReader() {}

    /**
     * @param json the configuration
     * @param widest bottleneck that an adapter may have
     * @throws ModelFormatException if something does not fit
     */
    static Adapter read(JsonFields json, SafetensorsFile file, ModelConfig model, int widest) {
        if (json.integer("hidden_size", 1, Integer.MAX_VALUE, model.hidden()) != model.hidden()) {
            throw json.refuse("hidden_size", "the model's " + model.hidden());
        }
        JsonFields fields = json.object(BottleneckFiles.CONFIG).orElseThrow();
        refuseVariants(fields);
        Kind kind = new Kind(
                input(fields, model), BottleneckFiles.function(fields), fields.number("scaling", -LARGEST, LARGEST, 1));
        Set<TargetModule> targets = EnumSet.noneOf(TargetModule.class);
        if (fields.bool("mh_adapter", false)) {
            targets.add(TargetModule.ATTENTION);
        }
        if (fields.bool("output_adapter", false)) {
            targets.add(TargetModule.MLP);
        }
        if (targets.isEmpty()) {
            throw fields.refuse("output_adapter", "true, or mh_adapter true");
        }
        Set<Integer> without = without(fields);
        BottleneckConfig config = new BottleneckConfig(1, kind, targets, without, Set.of(), baseModel(json));
        SortedMap<Site, Bottleneck> modules = new TreeMap<>();
        tensors(file, json, config.sites(model)).forEach((site, names) -> {
            int width = width(fields, site.layer(), model.hidden(), widest);
            modules.put(site, bottleneck(file, site, names, width, model.hidden(), kind));
        });
        int most = modules.values().stream()
                .mapToInt(Bottleneck::width)
                .max()
                .orElseThrow(() -> fields.refuse("leave_out", "a layer of the model that is not left out"));
        return new Adapter(new BottleneckConfig(most, kind, targets, without, Set.of(), config.baseModel()), modules);
    }

    private static void refuseVariants(JsonFields fields) {
        if (fields.value("architecture").isPresent()) {
            throw fields.refuse("architecture", "null: of this library only bottlenecks are supported");
        }
        for (String key : List.of("ln_before", "ln_after", "phm_layer", "use_gating")) {
            if (fields.bool(key, false)) {
                throw fields.refuse(key, "false: this variant is not supported");
            }
        }
        if (!fields.bool("original_ln_after", true)) {
            throw fields.refuse("original_ln_after", "true: this variant is not supported");
        }
        if (fields.value("inv_adapter").isPresent()) {
            throw fields.refuse("inv_adapter", "null: invertible adapters are not supported");
        }
    }

    private static Input input(JsonFields fields, ModelConfig model) {
        if (fields.bool("is_parallel", false)) {
            return Input.STREAM;
        }
        if (!fields.bool("original_ln_before", false)) {
            return Input.OUTPUT;
        }
        if (!UNNORMED.contains(model.architecture())) {
            throw fields.refuse("original_ln_before", "false with " + model.architecture());
        }
        if (fields.value("residual_before_ln")
                .filter(value -> !value.isBoolean() || !value.booleanValue())
                .isPresent()) {
            throw fields.refuse("residual_before_ln", "true where original_ln_before is");
        }
        return Input.SUM;
    }

    private static Set<Integer> without(JsonFields fields) {
        Set<Integer> without = new HashSet<>();
        JsonNode layers = fields.value("leave_out").orElseGet(MissingNode::getInstance);
        if (!layers.isMissingNode() && !layers.isArray()) {
            throw fields.refuse("leave_out", "a list of layers");
        }
        for (JsonNode layer : layers) {
            if (!layer.isInt() || layer.intValue() < 0 || layer.intValue() >= MAX_LAYERS) {
                throw fields.refuse("leave_out", "a list of layers");
            }
            without.add(layer.intValue());
        }
        return without;
    }

    private static String baseModel(JsonFields json) {
        String name = json.text("model_name").orElse("");
        if (name.length() > PeftConfig.MAX_BASE_MODEL_LENGTH) {
            throw json.refuse("model_name", "at most " + PeftConfig.MAX_BASE_MODEL_LENGTH + " characters");
        }
        return name;
    }

    private static int width(JsonFields fields, int layer, int hidden, int widest) {
        JsonFields layers =
                fields.value(BottleneckFiles.FACTOR).filter(JsonNode::isObject).isPresent()
                        ? fields.object(BottleneckFiles.FACTOR).orElseThrow()
                        : null;
        String own = String.valueOf(layer);
        double factor = layers == null
                ? fields.number(BottleneckFiles.FACTOR, 1 / LARGEST, LARGEST)
                : layers.number(layers.has(own) ? own : "default", 1 / LARGEST, LARGEST);
        double width = BottleneckFiles.width(hidden, factor);
        if (width > widest) {
            throw new ModelFormatException("layer " + layer + " has bottlenecks of width " + Math.round(width)
                    + ", at most " + widest + " are possible (kernels.max-rank)");
        }
        return (int) width;
    }

    /** The names of all tensors, by block and parameter. */
    private static Map<Site, Map<String, String>> tensors(SafetensorsFile file, JsonFields json, List<Site> sites) {
        SortedMap<Site, Map<String, String>> tensors = new TreeMap<>();
        sites.forEach(site -> tensors.put(site, new TreeMap<>()));
        Set<String> adapters = new TreeSet<>();
        json.text("name").ifPresent(adapters::add);
        for (String name : new TreeSet<>(file.names())) {
            Matcher matcher = TENSOR.matcher(name);
            if (!matcher.matches()) {
                throw new ModelFormatException(shortened(name) + " is not of a bottleneck behind attention or an MLP");
            }
            TargetModule module = matcher.group(2).equals("attention") ? TargetModule.ATTENTION : TargetModule.MLP;
            Map<String, String> own = tensors.get(new Site(Integer.parseInt(matcher.group(1)), module));
            if (own == null) {
                throw new ModelFormatException(name + " is not of a block that " + PeftConfig.FILE
                        + " gives a bottleneck, or not of the model");
            }
            adapters.add(matcher.group(3));
            if (own.put(matcher.group(4), name) != null || adapters.size() > 1) {
                throw new ModelFormatException(
                        name + " is not the adapter's only one: its tensors are of " + String.join(" and ", adapters));
            }
        }
        return tensors;
    }

    private static String shortened(String name) {
        return name.length() <= 200 ? name : name.substring(0, 200) + "…";
    }

    private static Bottleneck bottleneck(
            SafetensorsFile file, Site site, Map<String, String> names, int width, int hidden, Kind kind) {
        return new Bottleneck(
                width,
                hidden,
                kind,
                values(file, site, names, Bottleneck.DOWN, width, hidden),
                values(file, site, names, Bottleneck.DOWN_BIAS, width),
                values(file, site, names, Bottleneck.UP_BIAS, hidden),
                values(file, site, names, Bottleneck.UP, hidden, width));
    }

    private static float[] values(
            SafetensorsFile file, Site site, Map<String, String> names, String parameter, long... shape) {
        @Nullable String name = names.get(parameter);
        if (name == null) {
            throw new ModelFormatException(
                    BottleneckFiles.tensor(site, parameter) + " is missing, expected " + Arrays.toString(shape));
        }
        return FiniteTensor.read(file, name, shape);
    }
}
