package io.tandem.kernels.decoder;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.model.ModelConfig;
import java.util.Locale;

/** What a device takes of an adapter's modules in full. */
final class FullModuleCheck {
    private FullModuleCheck() {}

    /**
     * Refuses an adapter with more of them than there is room for, or other ones than the model's.
     *
     * @throws IllegalArgumentException if it is one
     */
    static void check(Adapter adapter, ModelConfig model, KernelsConfig limits) {
        int count = adapter.full().size();
        if (count > limits.fullModules()) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "the adapter has %s in full (modules_to_save), and kernels.full-modules is %d: set it to %d or more;"
                            + " each takes %.1f MB",
                    FullModule.labels(adapter.full().keySet().stream()),
                    limits.fullModules(),
                    count,
                    limits.dtype().bytes() * FullModule.numbers(model) / 1e6));
        }
        adapter.full().forEach((module, own) -> {
            if (own.rows() != model.vocab() || own.columns() != model.hidden()) {
                throw new IllegalArgumentException(module.path() + " is [" + own.rows() + ", " + own.columns()
                        + "], expected [" + model.vocab() + ", " + model.hidden() + "]");
            }
        });
        if (count > 0 && adapter.invocation().isPresent()) {
            throw new IllegalArgumentException(
                    "the adapter acts from its invocation on, and what it has in full would on whole texts");
        }
    }
}
