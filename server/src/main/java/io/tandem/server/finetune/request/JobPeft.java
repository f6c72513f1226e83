package io.tandem.server.finetune.request;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.adapter.QuantizedConfig;
import io.tandem.kernels.adapter.SparseConfig;
import io.tandem.kernels.adapter.method.AloraMethod;
import io.tandem.kernels.adapter.method.BiasedMethod;
import io.tandem.kernels.adapter.method.BottleneckMethod;
import io.tandem.kernels.adapter.method.Decomposition;
import io.tandem.kernels.adapter.method.DecompositionMethod;
import io.tandem.kernels.adapter.method.DoraMethod;
import io.tandem.kernels.adapter.method.DyloraMethod;
import io.tandem.kernels.adapter.method.FloraMethod;
import io.tandem.kernels.adapter.method.Ia3Method;
import io.tandem.kernels.adapter.method.L4qMethod;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.adapter.method.PrefixMethod;
import io.tandem.kernels.adapter.method.PromptMethod;
import io.tandem.kernels.adapter.method.PstMethod;
import io.tandem.kernels.adapter.method.SvfitMethod;
import io.tandem.kernels.model.TargetModule;
import io.tandem.server.api.JsonBody;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The fields of a job's hyperparameters that say which parameters are trained. */
final class JobPeft {
    private static final String INVOCATION = "invocation_tokens";
    private static final String LORA_BIAS = "lora_bias";
    private static final String LORA_PLUS = "loraplus";
    static final String LAYERS = "layers";
    private static final int MAX_INVOCATION = 1024;
    private static final int MOST_LAYERS = 1024;
    static final int MOST_RANKS = 512;
    private static final Map<String, Double> RATES = Map.of("increlora", 5.0, "svfit", 10.0, PstMethod.NAME, 0.1);

    /** Methods whose files have no place for modules in full, or whose adapters act on a part of a text only. */
    private static final Set<String> WITHOUT_FULL =
            Set.of("alora", "l4q", PstMethod.NAME, "prompt_tuning", "prefix_tuning", "bottleneck");

    /** What all relatives of LoRA have. */
    private static final Set<String> OF_LORA =
            Set.of("rank", "alpha", "rslora", "target_modules", LAYERS, "lora_plus_ratio");

    /**
     * A method that jobs can name.
     *
     * @param settings fields that only some methods have, this one among them
     */
    private record Choice(Set<String> settings, Reader reader) {
        /** The same with modules that learn in full beside it. */
        Choice withFull() {
            return new Choice(
                    and(settings, Set.of(FullFields.SAVED)),
                    (hyper, model) -> FullFields.read(hyper, reader.read(hyper, model)));
        }
    }

    private interface Reader {
        /** @param model the base model's name */
        PeftMethod read(JsonBody hyper, String model);
    }

    private static final Map<String, Choice> METHODS = methods();

    /** What at least one method has. */
    private static final Set<String> SETTINGS = METHODS.values().stream()
            .flatMap(choice -> choice.settings().stream())
            .collect(Collectors.toUnmodifiableSet());

    static final Set<String> FIELDS = and(SETTINGS, Set.of("peft"));

    private JobPeft() {}

    /** Whether B learns faster than A by default (LoRA+, Hayou et al., 2024). */
    static boolean isLoraPlus(JsonBody hyper) {
        return name(hyper).equals(LORA_PLUS);
    }

    /**
     * Factor on the learning rate of jobs that name none: where one number counts for a whole rank, it has to move further than
     * an entry of a factor, and less far where it meets entries as large as one.
     */
    static double rate(JsonBody hyper) {
        return RATES.getOrDefault(name(hyper), 1.0);
    }

    static String name(JsonBody hyper) {
        return hyper.optionalString("peft", 16).orElse("lora");
    }

    /** All methods. */
    static Set<String> names() {
        return METHODS.keySet();
    }

    /** Whether a method has a setting that only some have. */
    static boolean has(String method, String setting) {
        Choice choice = METHODS.get(method);
        return choice != null && choice.settings().contains(setting);
    }

    private static Map<String, Choice> methods() {
        Map<String, Choice> methods = new LinkedHashMap<>();
        methods.put("lora", lora(Set.of(LORA_BIAS), JobPeft::biased));
        methods.put(
                "rslora",
                new Choice(and(OF_LORA, Set.of(LORA_BIAS)), (hyper, model) -> biased(hyper, lora(hyper, true, model))));
        methods.put(LORA_PLUS, lora(Set.of(LORA_BIAS), JobPeft::biased));
        methods.put("pissa", lora(config -> new DecompositionMethod(config, Decomposition.PISSA)));
        methods.put("olora", lora(config -> new DecompositionMethod(config, Decomposition.OLORA)));
        methods.put("dylora", lora(DyloraMethod::new));
        methods.put("dora", lora(DoraMethod::new));
        methods.put("flora", lora(FloraMethod::new));
        methods.put("increlora", lora(JobGrowth.OF_INCRELORA, JobGrowth::increlora));
        methods.put("triadaptlora", lora(JobGrowth.OF_TRIADAPTLORA, JobGrowth::triadaptlora));
        methods.put(
                "svfit",
                new Choice(
                        Set.of("rank", "target_modules", LAYERS),
                        (hyper, model) -> new SvfitMethod(values(hyper, model))));
        methods.put(
                "alora",
                lora(
                        Set.of(INVOCATION),
                        (hyper, config) -> new AloraMethod(new ActivatedConfig(config, invocation(hyper)))));
        methods.put(
                "l4q",
                new Choice(
                        Set.of("rank", "alpha", "rslora", "target_modules", "bits", "group_size"),
                        (hyper, model) -> new L4qMethod(quantized(hyper, model))));
        methods.put(
                PstMethod.NAME,
                new Choice(
                        and(JobSparsity.FIELDS, Set.of("rank", "target_modules")),
                        (hyper, model) -> new PstMethod(sparse(hyper, model))));
        methods.put(
                "ia3",
                new Choice(Set.of("target_modules", LAYERS), (hyper, model) -> new Ia3Method(ia3(hyper, model))));
        methods.put("prompt_tuning", virtual((tokens, model) -> new PromptMethod(new PromptConfig(tokens, model))));
        methods.put("prefix_tuning", virtual((tokens, model) -> new PrefixMethod(new PrefixConfig(tokens, model))));
        methods.put(
                "bottleneck",
                new Choice(
                        and(BottleneckFields.FIELDS, Set.of(LAYERS)),
                        (hyper, model) -> new BottleneckMethod(BottleneckFields.read(hyper, layers(hyper), model))));
        methods.replaceAll((name, choice) -> WITHOUT_FULL.contains(name) ? choice : choice.withFull());
        return methods;
    }

    private static PeftMethod biased(JsonBody hyper, LoraConfig config) {
        LoraMethod lora = new LoraMethod(config);
        return hyper.optionalBoolean(LORA_BIAS, false) ? new BiasedMethod(lora) : lora;
    }

    private static Choice lora(Function<LoraConfig, PeftMethod> method) {
        return lora(Set.of(), (hyper, config) -> method.apply(config));
    }

    /** @param own settings beyond those of all relatives */
    private static Choice lora(Set<String> own, BiFunction<JsonBody, LoraConfig, PeftMethod> method) {
        return new Choice(and(OF_LORA, own), (hyper, model) -> method.apply(hyper, lora(hyper, false, model)));
    }

    private static Choice virtual(BiFunction<Integer, String, PeftMethod> method) {
        return new Choice(
                Set.of("virtual_tokens"),
                (hyper, model) ->
                        method.apply(hyper.optionalInt("virtual_tokens", 1, 512).orElse(20), model));
    }

    private static Set<String> and(Set<String> some, Set<String> more) {
        return Stream.concat(some.stream(), more.stream()).collect(Collectors.toUnmodifiableSet());
    }

    /**
     * The method.
     *
     * @throws io.tandem.server.api.ApiException naming the field that is wrong
     */
    static PeftMethod parse(JsonBody hyper, String model) {
        String name = name(hyper);
        Choice choice = METHODS.get(name);
        if (choice == null) {
            throw hyper.invalid("peft", "must be one of: " + String.join(", ", METHODS.keySet()) + ".");
        }
        SETTINGS.stream()
                .sorted()
                .filter(field -> !choice.settings().contains(field) && hyper.find(field) != null)
                .findFirst()
                .ifPresent(field -> {
                    throw hyper.invalid(field, "is not a setting of the method '" + name + "'; leave it out.");
                });
        return choice.reader().read(hyper, model);
    }

    /** {@code rslora} was there before {@code peft}, and is the way to have DoRA with that scaling. */
    private static LoraConfig lora(JsonBody hyper, boolean stabilized, String model) {
        return lora(hyper, stabilized, 8, model);
    }

    private static LoraConfig lora(JsonBody hyper, boolean stabilized, int usualRank, String model) {
        int rank = hyper.optionalInt("rank", 1, MOST_RANKS).orElse(usualRank);
        double alpha = hyper.optionalNumber("alpha", 1e-3, 1e4).orElse(2.0 * rank);
        boolean asked = hyper.optionalBoolean("rslora", stabilized);
        if (stabilized && !asked) {
            throw hyper.invalid("rslora", "must be true, or left out, with the method 'rslora'.");
        }
        return new LoraConfig(
                rank, alpha, asked, targets(hyper).orElseGet(LoraConfig::everyLinear), layers(hyper), model);
    }

    /** The paper's rank is 4. */
    private static QuantizedConfig quantized(JsonBody hyper, String model) {
        int bits = hyper.optionalInt("bits", 4, 8).orElse(4);
        if (bits != 4 && bits != 8) {
            throw hyper.invalid("bits", "must be 4 or 8.");
        }
        int groupSize = hyper.optionalInt("group_size", 1, 1 << 16).orElse(32);
        return new QuantizedConfig(lora(hyper, false, 4, model), bits, groupSize);
    }

    private static SparseConfig sparse(JsonBody hyper, String model) {
        int rank = hyper.optionalInt("rank", 1, MOST_RANKS).orElse(8);
        return new SparseConfig(rank, targets(hyper).orElseGet(LoraConfig::everyLinear), model);
    }

    private static Invocation invocation(JsonBody hyper) {
        int[] tokens = hyper.tokenIds(INVOCATION, MAX_INVOCATION, Integer.MAX_VALUE);
        if (tokens.length == 0) {
            throw hyper.invalid(
                    INVOCATION, "must have the tokens from which on an adapter of the method 'alora' acts.");
        }
        return new Invocation(Arrays.stream(tokens).boxed().toList());
    }

    /** As many singular values as an adapter may have ranks by default, of which each counts as it is. */
    private static LoraConfig values(JsonBody hyper, String model) {
        int rank = hyper.optionalInt("rank", 1, MOST_RANKS).orElse(64);
        return new LoraConfig(
                rank, rank, false, targets(hyper).orElseGet(LoraConfig::everyLinear), layers(hyper), model);
    }

    private static Ia3Config ia3(JsonBody hyper, String model) {
        return new Ia3Config(targets(hyper).orElseGet(Ia3Config::usualLinears), layers(hyper), model);
    }

    /** The layers that are adapted; empty for all. */
    private static Set<Integer> layers(JsonBody hyper) {
        return Optional.ofNullable(hyper.find(LAYERS))
                .map(value -> layers(hyper, value))
                .orElse(new TreeSet<>());
    }

    /**
     * The layers that a value of {@code layers} names.
     *
     * @throws io.tandem.server.api.ApiException if it is wrong
     */
    static SortedSet<Integer> layers(JsonBody hyper, JsonNode value) {
        SortedSet<Integer> layers = new TreeSet<>();
        for (JsonNode layer : value) {
            if (!layer.isInt() || layer.intValue() < 0 || layer.intValue() >= MOST_LAYERS) {
                throw wrongLayers(hyper);
            }
            layers.add(layer.intValue());
        }
        if (!value.isArray() || layers.isEmpty() || layers.size() < value.size()) {
            throw wrongLayers(hyper);
        }
        return layers;
    }

    private static RuntimeException wrongLayers(JsonBody hyper) {
        return hyper.invalid(LAYERS, "must be a list of distinct layer numbers, counted from 0.");
    }

    private static Optional<Set<TargetModule>> targets(JsonBody hyper) {
        return Optional.ofNullable(hyper.find("target_modules")).map(value -> targets(hyper, value));
    }

    /**
     * The linears that a value of {@code target_modules} names.
     *
     * @throws io.tandem.server.api.ApiException if it is wrong
     */
    static Set<TargetModule> targets(JsonBody hyper, JsonNode value) {
        if (value.asText().equals("all-linear")) {
            return LoraConfig.everyLinear();
        }
        Set<TargetModule> targets = EnumSet.noneOf(TargetModule.class);
        for (JsonNode name : value) {
            // The linears of experts are called like those of an MLP; which of them a model has is asked later.
            List<TargetModule> named = Arrays.stream(TargetModule.values())
                    .filter(module -> module.label().equals(name.asText()))
                    .toList();
            if (named.isEmpty()) {
                throw unknownTarget(hyper);
            }
            targets.addAll(named);
        }
        if (targets.isEmpty() || !value.isArray()) {
            throw unknownTarget(hyper);
        }
        return targets;
    }

    private static RuntimeException unknownTarget(JsonBody hyper) {
        String known = Arrays.stream(TargetModule.values())
                .map(TargetModule::label)
                .distinct()
                .collect(Collectors.joining(", "));
        return hyper.invalid("target_modules", "must be \"all-linear\" or a list of: " + known + ".");
    }
}
