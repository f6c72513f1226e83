package io.tandem.server.client;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Flags of a search for the best method and settings. Any of them asks for one. */
final class SearchOptions {
    @Option(
            names = "--search",
            description =
                    "Try many configurations for a few epochs, go on with the better half, and so on; needs --validation.")
    private boolean search;

    @Option(names = "--trials", paramLabel = "N", description = "Of a search: configurations to try; default 16.")
    private @Nullable Integer trials;

    @Option(
            names = "--search-methods",
            paramLabel = "M",
            split = ",",
            description = "Of a search: methods to try; default lora,dora,ia3 if nothing else is named.")
    private @Nullable List<String> methods;

    @Option(
            names = "--search-ranks",
            paramLabel = "N",
            split = ",",
            description = "Of a search: ranks to try; default 1,2,4,8 if nothing else is named.")
    private @Nullable List<Integer> ranks;

    @Option(
            names = "--search-target-modules",
            paramLabel = "M",
            split = ",",
            description = "Of a search: target modules to try, for example all-linear,q_proj+v_proj.")
    private @Nullable List<String> targetModules;

    @Option(
            names = "--search-layers",
            paramLabel = "L",
            split = ",",
            converter = Layers.Converter.class,
            description = "Of a search: groups of layers that trials adapt or leave out, for example 0-1,2-3,4+5.")
    private @Nullable List<Layers> layers;

    @Option(
            names = "--search-learns",
            paramLabel = "L",
            split = ",",
            description = "Of a search: what may learn in a step, for example all,ist,pdp.")
    private @Nullable List<String> learns;

    @Option(
            names = "--search-learning-rates",
            paramLabel = "X",
            arity = "2",
            description =
                    "Of a search: the lowest and the highest learning rate to try; default a tenth of the usual one and"
                            + " ten times that, if nothing else is named.")
    private @Nullable List<Double> learningRates;

    boolean asked() {
        return search
                || Stream.of(trials, methods, ranks, targetModules, layers, learns, learningRates)
                        .anyMatch(Objects::nonNull);
    }

    /** Flags by the last part of the fields that they fill, where they were given. */
    Map<String, String> flags() {
        Map<String, String> flags = new HashMap<>(Map.of("trials", "--trials"));
        if (methods != null) {
            flags.put("peft", "--search-methods");
        }
        if (ranks != null) {
            flags.put("rank", "--search-ranks");
        }
        if (targetModules != null) {
            flags.put("target_modules", "--search-target-modules");
        }
        if (layers != null) {
            flags.put("layers", "--search-layers");
        }
        if (learns != null) {
            flags.put("learns", "--search-learns");
        }
        if (learningRates != null) {
            List.of("learning_rate", "min", "max").forEach(field -> flags.put(field, "--search-learning-rates"));
        }
        return flags;
    }

    /**
     * Fills in {@code method.search}.
     *
     * @param preferences whether the trials learn preferences
     */
    void fill(ObjectNode settings, boolean preferences) {
        if (preferences) {
            settings.put("objective", "dpo");
        }
        if (trials != null) {
            settings.put("trials", trials);
        }
        ObjectNode space = settings.objectNode();
        if (methods != null) {
            methods.forEach(space.putArray("peft")::add);
        }
        if (ranks != null) {
            ranks.forEach(space.putArray("rank")::add);
        }
        if (targetModules != null) {
            ArrayNode all = space.putArray("target_modules");
            targetModules.forEach(targets -> addTargets(all, targets));
        }
        if (layers != null) {
            ArrayNode groups = space.putArray("layers");
            layers.forEach(group -> group.numbers().forEach(groups.addArray()::add));
        }
        if (learns != null) {
            ArrayNode values = space.putArray("learns");
            learns.forEach(name -> addLearns(values, name));
        }
        if (learningRates != null) {
            space.putObject("learning_rate").put("min", learningRates.get(0)).put("max", learningRates.get(1));
        }
        if (!space.isEmpty()) {
            settings.set("space", space);
        }
    }

    private static void addLearns(ArrayNode values, String name) {
        if (name.equals("all")) {
            values.add(name);
        } else {
            values.addObject().put("type", name);
        }
    }

    private static void addTargets(ArrayNode all, String targets) {
        if (targets.equals("all-linear")) {
            all.add(targets);
        } else {
            Arrays.stream(targets.split("\\+")).forEach(all.addArray()::add);
        }
    }
}
