package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.method.GrowingMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import java.util.Optional;

/**
 * IST, importance-aware sparse tuning (Yao et al., 2024): a share of the layers learns in each step, drawn by an importance
 * that is learned too. Works with parameters of every form that belong to layers. The constants are those of the published code.
 *
 * @param share of the layers that learn in a step, above 0 and at most 1; at least one does
 * @param probeEvery steps between two times that the importance is learned
 */
public record IstPolicy(double share, int probeEvery) implements LearningPolicy {
    public static final String NAME = "ist";
    public static final double DEFAULT_SHARE = 0.25;
    public static final int DEFAULT_PROBE_EVERY = 10;

    public IstPolicy {
        if (!(share > 0 && share <= 1) || probeEvery < 1) {
            throw new IllegalArgumentException("a share of " + share + " and probes every " + probeEvery + " steps");
        }
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public boolean takesTurns() {
        return true;
    }

    @Override
    public Optional<String> refusal(PeftMethod method) {
        if (method instanceof GrowingMethod) {
            return Optional.of(
                    "lets layers rest, and every step tells '" + method.name() + "' which of all modules grow");
        }
        if (!method.fullModules().isEmpty()) {
            return Optional.of("chooses among layers, and modules in full (modules_to_save) belong to none");
        }
        return method.virtualTokens() == 0
                ? Optional.empty()
                : Optional.of("chooses among layers, and the virtual tokens of '" + method.name() + "' belong to none");
    }

    @Override
    public LearningRun start(Setting setting, LearningState from) {
        return new IstRun(this, setting, from);
    }
}
