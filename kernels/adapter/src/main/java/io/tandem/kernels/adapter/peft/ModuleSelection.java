package io.tandem.kernels.adapter.peft;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * Which modules a configuration changes, by PEFT's rules: {@code exclude_modules} wins over {@code target_modules};
 * a list matches whole names or their last parts, a string is an expression for the whole name, and
 * {@code layers_to_transform} narrows a list.
 */
final class ModuleSelection {
    private static final String NAMES = "a list of module names, or a regular expression";
    private static final int MAX_LAYER = 1 << 20;

    private final Predicate<Site> targets;
    private final Predicate<Site> excluded;

    private ModuleSelection(Predicate<Site> targets, Predicate<Site> excluded) {
        this.targets = targets;
        this.excluded = excluded;
    }

    static ModuleSelection read(JsonFields json, ModulePattern.Budget budget) {
        JsonNode value = json.value("target_modules").orElseThrow(() -> json.refuse("target_modules", NAMES));
        Predicate<Site> layers = layers(json, budget);
        if (value.isTextual() && json.value("layers_to_transform").isPresent()) {
            throw json.refuse("layers_to_transform", "null, because target_modules is not a list");
        }
        boolean allLinear =
                value.isTextual() && value.textValue().toLowerCase(Locale.ROOT).equals("all-linear");
        Predicate<Site> targets = allLinear ? site -> true : names(json, "target_modules", budget);
        return new ModuleSelection(
                targets.and(layers),
                json.value("exclude_modules").isEmpty() ? site -> false : names(json, "exclude_modules", budget));
    }

    boolean contains(Site site) {
        return !excluded.test(site) && targets.test(site);
    }

    private static Predicate<Site> names(JsonFields json, String key, ModulePattern.Budget budget) {
        JsonNode value = json.value(key).orElseThrow(() -> json.refuse(key, NAMES));
        if (value.isTextual()) {
            ModulePattern pattern = pattern(json, key, value.textValue(), budget);
            return site -> guarded(json, key, () -> pattern.matches(site.toString()));
        }
        Set<String> names = list(json, key, value);
        return site -> endsWithOneOf(site.toString(), names);
    }

    /** As PEFT finds {@code feedforward_modules}: those whose names end like that, wherever a part of the name begins. */
    static Predicate<Site> endings(JsonFields json, String key, ModulePattern.Budget budget) {
        JsonNode value = json.value(key).orElseThrow(() -> json.refuse(key, NAMES));
        if (value.isTextual()) {
            return names(json, key, budget);
        }
        Set<String> endings = list(json, key, value);
        return site -> endings.stream().anyMatch(site.toString()::endsWith);
    }

    private static Set<String> list(JsonFields json, String key, JsonNode value) {
        if (!value.isArray()) {
            throw json.refuse(key, NAMES);
        }
        Set<String> names = new HashSet<>();
        for (JsonNode name : value) {
            if (!name.isTextual()) {
                throw json.refuse(key, NAMES);
            }
            names.add(name.textValue());
        }
        return names;
    }

    private static boolean endsWithOneOf(String module, Set<String> names) {
        if (names.contains(module)) {
            return true;
        }
        for (int dot = module.indexOf('.'); dot >= 0; dot = module.indexOf('.', dot + 1)) {
            if (names.contains(module.substring(dot + 1))) {
                return true;
            }
        }
        return false;
    }

    private static Predicate<Site> layers(JsonFields json, ModulePattern.Budget budget) {
        JsonNode value = json.value("layers_to_transform").orElse(null);
        if (value == null) {
            return site -> true;
        }
        Set<Integer> layers = new HashSet<>();
        for (JsonNode layer : elements(value)) {
            if (!layer.isInt() || layer.intValue() < 0 || layer.intValue() > MAX_LAYER) {
                throw json.refuse("layers_to_transform", "layer numbers");
            }
            layers.add(layer.intValue());
        }
        Predicate<Site> inPattern = layersPattern(json, budget);
        // An empty list is no restriction to PEFT.
        return layers.isEmpty() ? site -> true : site -> layers.contains(site.layer()) && inPattern.test(site);
    }

    /** A value that stands for a list of one, or the list. */
    private static Iterable<JsonNode> elements(JsonNode value) {
        return value.isArray() ? value : List.of(value);
    }

    /** Where the layers are counted; every name of the model has one number, so it only matters whether it is there. */
    private static Predicate<Site> layersPattern(JsonFields json, ModulePattern.Budget budget) {
        JsonNode value = json.value("layers_pattern").orElse(null);
        Predicate<Site> any = site -> false;
        boolean silent = true;
        if (value != null) {
            for (JsonNode name : elements(value)) {
                if (!name.isTextual()) {
                    throw json.refuse("layers_pattern", "a string or a list of strings");
                }
                if (!name.textValue().isEmpty()) {
                    silent = false;
                    String expression = ".*\\." + name.textValue() + "\\.(\\d+)\\.";
                    ModulePattern pattern = pattern(json, "layers_pattern", expression, budget);
                    any = any.or(
                            site -> guarded(json, "layers_pattern", () -> pattern.matchesBeginning(site.toString())));
                }
            }
        }
        return silent ? site -> true : any;
    }

    /** Compiles an expression of the file, or refuses the key that it stands at. */
    static ModulePattern pattern(JsonFields json, String key, String expression, ModulePattern.Budget budget) {
        try {
            return ModulePattern.compile(expression, budget);
        } catch (IllegalArgumentException e) {
            throw refused(json, key, e);
        }
    }

    /** Matches an expression of the file, or refuses the key that it stands at. */
    static boolean guarded(JsonFields json, String key, BooleanSupplier match) {
        try {
            return match.getAsBoolean();
        } catch (IllegalArgumentException e) {
            throw refused(json, key, e);
        }
    }

    private static ModelFormatException refused(JsonFields json, String key, IllegalArgumentException cause) {
        String reason = Optional.ofNullable(cause.getMessage()).orElse("is unusable");
        return json.refuse(key, "an expression that Tandem can match (this one " + reason + ")");
    }
}
