package io.tandem.server.finetune.request;

import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.method.GrowthSettings;
import io.tandem.kernels.adapter.method.IncreloraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.adapter.method.TriadaptloraMethod;
import io.tandem.kernels.adapter.method.TriadaptloraMethod.Threshold;
import io.tandem.server.api.JsonBody;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** The fields of a job's hyperparameters that only methods with ranks that grow have. */
final class JobGrowth {
    static final Set<String> OF_INCRELORA =
            Set.of("growth_warmup", "growth_interval", "growth_modules", "orthogonality");

    static final Set<String> OF_TRIADAPTLORA =
            Set.of("growth_warmup", "growth_interval", "growth_threshold", "orthogonality");

    /** The weight of IncreLoRA's published code. */
    private static final double INCRELORA_ORTHOGONALITY = 0.1;

    private static final int MOST_STEPS = 1_000_000;
    private static final int MOST_MODULES = 100_000;

    private JobGrowth() {}

    /** The weight of the penalty on factors that are not orthogonal. */
    static double orthogonality(JsonBody hyper, String method) {
        double usual = method.equals("increlora") ? INCRELORA_ORTHOGONALITY : 0;
        return hyper.optionalNumber("orthogonality", 0, 1e3).orElse(usual);
    }

    static PeftMethod increlora(JsonBody hyper, LoraConfig config) {
        return new IncreloraMethod(config, settings(hyper), hyper.optionalInt("growth_modules", 1, MOST_MODULES));
    }

    static PeftMethod triadaptlora(JsonBody hyper, LoraConfig config) {
        return new TriadaptloraMethod(config, settings(hyper), threshold(hyper));
    }

    private static GrowthSettings settings(JsonBody hyper) {
        return new GrowthSettings(
                hyper.optionalInt("growth_warmup", 1, MOST_STEPS), hyper.optionalInt("growth_interval", 1, MOST_STEPS));
    }

    private static Threshold threshold(JsonBody hyper) {
        String name = hyper.optionalString("growth_threshold", 16).orElse("linear");
        return Arrays.stream(Threshold.values())
                .filter(threshold -> label(threshold).equals(name))
                .findFirst()
                .orElseThrow(() -> hyper.invalid(
                        "growth_threshold",
                        "must be one of: "
                                + Arrays.stream(Threshold.values())
                                        .map(JobGrowth::label)
                                        .collect(Collectors.joining(", "))
                                + "."));
    }

    private static String label(Threshold threshold) {
        return threshold.name().toLowerCase(Locale.ROOT);
    }
}
