package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.method.AloraMethod;
import io.tandem.kernels.adapter.method.DecompositionMethod;
import io.tandem.kernels.adapter.method.FloraMethod;
import io.tandem.kernels.adapter.method.FullMethod;
import io.tandem.kernels.adapter.method.GrowingMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.adapter.method.SvfitMethod;
import java.util.Optional;

/**
 * DAS, dynamic architecture skipping (Wu et al., 2023): the adapter's texts skip the layers of the model that matter least to
 * the job. Which those are is found by trials without some layers, at the beginning of the job; then the adapter learns to do
 * without them. The paper puts a bottleneck in the place of each skipped layer; here the residual stream passes as it is.
 *
 * @param skip the share of the layers that is skipped, above 0 and below 1; at least one is, and one is left
 * @param search the part of the job's steps that the trials take, above 0 and below 1
 * @param probeEvery steps between two times that they go on
 */
public record DasPolicy(double skip, double search, int probeEvery) implements LearningPolicy {
    public static final String NAME = "das";
    public static final double DEFAULT_SKIP = 0.25;
    public static final double DEFAULT_SEARCH = 0.3;
    public static final int DEFAULT_PROBE_EVERY = 10;

    public DasPolicy {
        if (!(skip > 0 && skip < 1) || !(search > 0 && search < 1) || probeEvery < 1) {
            throw new IllegalArgumentException(
                    "a share of " + skip + ", a search of " + search + " and probes every " + probeEvery + " steps");
        }
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public boolean goesAlone() {
        return true;
    }

    @Override
    public Optional<String> refusal(PeftMethod method) {
        PeftMethod inLayers = method instanceof FullMethod more ? more.method() : method;
        if (inLayers instanceof AloraMethod) {
            return Optional.of("skips layers for whole texts, and '" + method.name() + "' acts on a part of them");
        }
        if (method.makesBase()) {
            return Optional.of("leaves an adapter that skips layers, and '" + method.name() + "' makes a base model");
        }
        if (!method.config().layers().isEmpty()) {
            return Optional.of("chooses among all layers, and only some are adapted");
        }
        boolean folded = inLayers instanceof DecompositionMethod
                || inLayers instanceof FloraMethod
                || inLayers instanceof GrowingMethod
                || inLayers instanceof SvfitMethod;
        return folded
                ? Optional.of("goes on with what would be served, and '" + method.name() + "' learns in another form")
                : Optional.empty();
    }

    @Override
    public LearningRun start(Setting setting, LearningState from) {
        return new DasRun(this, setting, from);
    }
}
