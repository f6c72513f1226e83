package io.tandem.server.finetune.request;

import io.tandem.kernels.adapter.Bottleneck.Function;
import io.tandem.kernels.adapter.Bottleneck.Input;
import io.tandem.kernels.adapter.Bottleneck.Kind;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.server.api.JsonBody;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The fields of a job's hyperparameters that are settings of bottlenecks. What is left out is as in the papers: in series
 * behind attention and MLP with SiLU, or in parallel to the MLP with ReLU and a scaling of 4.
 */
final class BottleneckFields {
    static final Set<String> FIELDS = Set.of(
            "bottleneck_size", "bottleneck_mode", "bottleneck_at", "bottleneck_activation", "bottleneck_scaling");

    private static final Map<String, Input> MODES = Map.of("series", Input.OUTPUT, "parallel", Input.STREAM);
    private static final Map<String, Set<TargetModule>> PLACES = Map.of(
            "attention", Set.of(TargetModule.ATTENTION),
            "mlp", Set.of(TargetModule.MLP),
            "both", Set.of(TargetModule.ATTENTION, TargetModule.MLP));
    private static final Map<String, Function> ACTIVATIONS = Map.of(
            "relu", Function.RELU,
            "silu", Function.SILU,
            "gelu", Function.GELU);

    private BottleneckFields() {}

    /**
     * @param layers that have one; all if empty
     * @throws io.tandem.server.api.ApiException naming the field that is wrong
     */
    static BottleneckConfig read(JsonBody hyper, Set<Integer> layers, String model) {
        int size = hyper.optionalInt("bottleneck_size", 1, 512).orElse(16);
        Input input = choice(hyper, "bottleneck_mode", MODES, "series");
        boolean parallel = input == Input.STREAM;
        Function function = choice(hyper, "bottleneck_activation", ACTIVATIONS, parallel ? "relu" : "silu");
        double scaling = hyper.optionalNumber("bottleneck_scaling", 1e-3, 1e4).orElse(parallel ? 4.0 : 1.0);
        Set<TargetModule> places = choice(hyper, "bottleneck_at", PLACES, parallel ? "mlp" : "both");
        return new BottleneckConfig(size, new Kind(input, function, scaling), places, Set.of(), layers, model);
    }

    private static <T> T choice(JsonBody hyper, String field, Map<String, T> choices, String usual) {
        String name = hyper.optionalString(field, 16).orElse(usual);
        T chosen = choices.get(name);
        if (chosen == null) {
            String known = choices.keySet().stream().sorted().collect(Collectors.joining(", "));
            throw hyper.invalid(field, "must be one of: " + known + ".");
        }
        return chosen;
    }
}
