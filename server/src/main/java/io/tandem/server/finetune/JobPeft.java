package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.method.Decomposition;
import io.tandem.kernels.adapter.method.DecompositionMethod;
import io.tandem.kernels.adapter.method.DoraMethod;
import io.tandem.kernels.adapter.method.DyloraMethod;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.model.TargetModule;
import io.tandem.server.api.JsonBody;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** The fields of a job's hyperparameters that say which parameters are trained. */
final class JobPeft {
    static final Set<String> FIELDS = Set.of("peft", "rank", "alpha", "rslora", "target_modules");

    private JobPeft() {}

    /** Whether B learns faster than A by default (LoRA+, Hayou et al., 2024). */
    static boolean isLoraPlus(JsonBody hyper) {
        return name(hyper).equals("loraplus");
    }

    private static String name(JsonBody hyper) {
        return hyper.optionalString("peft", 16).orElse("lora");
    }

    /**
     * The method. {@code rslora} was there before {@code peft}, and is the way to have DoRA with that scaling.
     *
     * @throws io.tandem.server.api.ApiException naming the field that is wrong
     */
    static PeftMethod parse(JsonBody hyper, String model) {
        String name = name(hyper);
        int rank = hyper.optionalInt("rank", 1, 512).orElse(8);
        double alpha = hyper.optionalNumber("alpha", 1e-3, 1e4).orElse(2.0 * rank);
        boolean stabilized = hyper.optionalBoolean("rslora", name.equals("rslora"));
        if (name.equals("rslora") && !stabilized) {
            throw hyper.invalid("rslora", "must be true, or left out, with the method 'rslora'.");
        }
        LoraConfig config = new LoraConfig(rank, alpha, stabilized, targets(hyper), model);
        return switch (name) {
            case "lora", "rslora", "loraplus" -> new LoraMethod(config);
            case "pissa" -> new DecompositionMethod(config, Decomposition.PISSA);
            case "olora" -> new DecompositionMethod(config, Decomposition.OLORA);
            case "dylora" -> new DyloraMethod(config);
            case "dora" -> new DoraMethod(config);
            default ->
                throw hyper.invalid("peft", "must be one of: lora, rslora, loraplus, pissa, olora, dylora, dora.");
        };
    }

    private static Set<TargetModule> targets(JsonBody hyper) {
        JsonNode value = hyper.find("target_modules");
        if (value == null || value.asText().equals("all-linear")) {
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
        if (targets.isEmpty()) {
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
