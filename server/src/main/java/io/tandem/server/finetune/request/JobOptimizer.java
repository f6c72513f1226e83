package io.tandem.server.finetune.request;

import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.OptimizerConfig.Method;
import io.tandem.server.api.JsonBody;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** The fields of a job's hyperparameters that say how its adapter is updated. */
final class JobOptimizer {
    static final Set<String> FIELDS =
            Set.of("optimizer", "weight_decay", "max_grad_norm", "beta1", "beta2", "momentum", "lora_plus_ratio");

    private static final double BETA_MAX = 0.99999;

    /** LoRA+'s paper finds about 16 to be good. */
    private static final double LORA_PLUS_RATIO = 16;

    private JobOptimizer() {}

    /** @throws io.tandem.server.api.ApiException naming the field that is wrong */
    static OptimizerConfig parse(JsonBody hyper) {
        Method method = method(hyper);
        OptimizerConfig published = OptimizerConfig.of(method);
        if (method == Method.SGD) {
            refuse(hyper, Set.of("beta1", "beta2"), "is not used by sgd; its constant is 'momentum'.");
        } else {
            refuse(hyper, Set.of("momentum"), "is used by sgd only.");
        }
        return new OptimizerConfig(
                        method,
                        hyper.optionalNumber(method == Method.SGD ? "momentum" : "beta1", 0, BETA_MAX)
                                .orElse(published.beta1()),
                        hyper.optionalNumber("beta2", 0, BETA_MAX).orElse(published.beta2()),
                        published.epsilon(),
                        hyper.optionalNumber("weight_decay", 0, 1).orElse(published.weightDecay()),
                        hyper.optionalNumber("max_grad_norm", 0, 1e6).orElse(published.maxGradientNorm()),
                        hyper.optionalNumber("lora_plus_ratio", 1e-3, 1e3)
                                .orElse(JobPeft.isLoraPlus(hyper) ? LORA_PLUS_RATIO : published.loraPlusRatio()))
                .withOrthogonality(JobGrowth.orthogonality(hyper, JobPeft.name(hyper)));
    }

    /**
     * The learning rate of jobs that name none. Lion's paper asks for a tenth of AdamW's or less. With LoRA+ it is that of
     * A, so that B's is as much above the usual one as A's is below.
     */
    static double learningRate(JsonBody hyper) {
        double usual = switch (method(hyper)) {
            case ADAMW, ADAMW_8BIT -> 2e-3;
            case LION -> 2e-4;
            case SGD -> 1e-1;
        };
        return JobPeft.isLoraPlus(hyper) ? usual / Math.sqrt(LORA_PLUS_RATIO) : usual * JobPeft.rate(hyper);
    }

    private static Method method(JsonBody hyper) {
        String name = hyper.optionalString("optimizer", 16).orElse(label(OptimizerConfig.DEFAULT.method()));
        return Arrays.stream(Method.values())
                .filter(method -> label(method).equals(name))
                .findFirst()
                .orElseThrow(() -> hyper.invalid("optimizer", "must be one of: " + known() + "."));
    }

    private static String known() {
        return Arrays.stream(Method.values()).map(JobOptimizer::label).collect(Collectors.joining(", "));
    }

    private static String label(Method method) {
        return method.name().toLowerCase(Locale.ROOT);
    }

    private static void refuse(JsonBody hyper, Set<String> fields, String why) {
        fields.stream().filter(field -> hyper.find(field) != null).findFirst().ifPresent(field -> {
            throw hyper.invalid(field, why);
        });
    }
}
