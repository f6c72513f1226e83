package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.adapter.method.Decomposition;
import io.tandem.kernels.adapter.method.DecompositionMethod;
import io.tandem.kernels.adapter.method.DoraMethod;
import io.tandem.kernels.adapter.method.DyloraMethod;
import io.tandem.kernels.adapter.method.FloraMethod;
import io.tandem.kernels.adapter.method.Ia3Method;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.adapter.method.PromptMethod;
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
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The fields of a job's hyperparameters that say which parameters are trained. */
final class JobPeft {
    static final Set<String> FIELDS = Set.of("peft", "rank", "alpha", "rslora", "target_modules", "virtual_tokens");

    private static final String LORA_PLUS = "loraplus";
    private static final Map<String, Double> RATES = Map.of("increlora", 5.0, "svfit", 10.0);

    /** What only methods with factors have. */
    private static final Set<String> OF_FACTORS = Set.of("rank", "alpha", "rslora", "lora_plus_ratio");

    private static final Set<String> OF_PROMPTS = Set.of("virtual_tokens");

    /**
     * A method that jobs can name.
     *
     * @param without fields that are no settings of it
     */
    private record Choice(Set<String> without, Reader reader) {}

    private interface Reader {
        /** @param model the base model's name */
        PeftMethod read(JsonBody hyper, String model);
    }

    private static final Map<String, Choice> METHODS = methods();

    private JobPeft() {}

    /** Whether B learns faster than A by default (LoRA+, Hayou et al., 2024). */
    static boolean isLoraPlus(JsonBody hyper) {
        return name(hyper).equals(LORA_PLUS);
    }

    /**
     * Factor on the learning rate of jobs that name none: where one number counts for a whole rank, it has to move further than
     * an entry of a factor.
     */
    static double rate(JsonBody hyper) {
        return RATES.getOrDefault(name(hyper), 1.0);
    }

    static String name(JsonBody hyper) {
        return hyper.optionalString("peft", 16).orElse("lora");
    }

    private static Map<String, Choice> methods() {
        Map<String, Choice> methods = new LinkedHashMap<>();
        methods.put("lora", factors(LoraMethod::new));
        methods.put("rslora", new Choice(OF_PROMPTS, (hyper, model) -> new LoraMethod(lora(hyper, true, model))));
        methods.put(LORA_PLUS, factors(LoraMethod::new));
        methods.put("pissa", factors(config -> new DecompositionMethod(config, Decomposition.PISSA)));
        methods.put("olora", factors(config -> new DecompositionMethod(config, Decomposition.OLORA)));
        methods.put("dylora", factors(DyloraMethod::new));
        methods.put("dora", factors(DoraMethod::new));
        methods.put("flora", factors(FloraMethod::new));
        methods.put("increlora", factors(JobGrowth::increlora));
        methods.put("triadaptlora", factors(JobGrowth::triadaptlora));
        methods.put(
                "svfit",
                new Choice(
                        and(Set.of("alpha", "rslora", "lora_plus_ratio"), OF_PROMPTS),
                        (hyper, model) -> new SvfitMethod(values(hyper, model))));
        methods.put("ia3", new Choice(and(OF_FACTORS, OF_PROMPTS), (hyper, model) -> new Ia3Method(ia3(hyper, model))));
        methods.put(
                "prompt_tuning",
                new Choice(
                        and(OF_FACTORS, Set.of("target_modules")),
                        (hyper, model) -> new PromptMethod(new PromptConfig(
                                hyper.optionalInt("virtual_tokens", 1, 512).orElse(20), model))));
        return methods;
    }

    private static Choice factors(BiFunction<JsonBody, LoraConfig, PeftMethod> method) {
        return new Choice(OF_PROMPTS, (hyper, model) -> method.apply(hyper, lora(hyper, false, model)));
    }

    private static Choice factors(Function<LoraConfig, PeftMethod> method) {
        return new Choice(OF_PROMPTS, (hyper, model) -> method.apply(lora(hyper, false, model)));
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
        choice.without().stream()
                .sorted()
                .filter(field -> hyper.find(field) != null)
                .findFirst()
                .ifPresent(field -> {
                    throw hyper.invalid(field, "is not a setting of the method '" + name + "'; leave it out.");
                });
        JobGrowth.refuse(hyper, name);
        return choice.reader().read(hyper, model);
    }

    /** {@code rslora} was there before {@code peft}, and is the way to have DoRA with that scaling. */
    private static LoraConfig lora(JsonBody hyper, boolean stabilized, String model) {
        int rank = hyper.optionalInt("rank", 1, 512).orElse(8);
        double alpha = hyper.optionalNumber("alpha", 1e-3, 1e4).orElse(2.0 * rank);
        boolean asked = hyper.optionalBoolean("rslora", stabilized);
        if (stabilized && !asked) {
            throw hyper.invalid("rslora", "must be true, or left out, with the method 'rslora'.");
        }
        return new LoraConfig(rank, alpha, asked, targets(hyper).orElseGet(LoraConfig::everyLinear), model);
    }

    /** As many singular values as an adapter may have ranks by default, of which each counts as it is. */
    private static LoraConfig values(JsonBody hyper, String model) {
        int rank = hyper.optionalInt("rank", 1, 512).orElse(64);
        return new LoraConfig(rank, rank, false, targets(hyper).orElseGet(LoraConfig::everyLinear), model);
    }

    private static Ia3Config ia3(JsonBody hyper, String model) {
        return new Ia3Config(targets(hyper).orElseGet(Ia3Config::usualLinears), model);
    }

    private static Optional<Set<TargetModule>> targets(JsonBody hyper) {
        JsonNode value = hyper.find("target_modules");
        if (value == null) {
            return Optional.empty();
        }
        if (value.asText().equals("all-linear")) {
            return Optional.of(LoraConfig.everyLinear());
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
        if (targets.isEmpty()) {
            throw unknownTarget(hyper);
        }
        return Optional.of(targets);
    }

    private static RuntimeException unknownTarget(JsonBody hyper) {
        String known = Arrays.stream(TargetModule.values())
                .map(TargetModule::label)
                .distinct()
                .collect(Collectors.joining(", "));
        return hyper.invalid("target_modules", "must be \"all-linear\" or a list of: " + known + ".");
    }
}
