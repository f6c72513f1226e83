package io.tandem.server.finetune.run;

import io.tandem.kernels.adapter.method.BaseWeights;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The frozen weights for one job's start, which says how far it is if it takes long. For one thread. */
final class FirstWeights implements BaseWeights {
    static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final Supplier<BaseWeights> files;
    private final long modules;
    private final LongSupplier nanoTime;
    private final Consumer<String> progress;
    private @Nullable BaseWeights opened;
    private long read;
    private long told;

    /**
     * @param files opened when the first weight is asked for; most methods ask for none
     * @param modules that will be asked for
     */
    FirstWeights(Supplier<BaseWeights> files, long modules, LongSupplier nanoTime, Consumer<String> progress) {
        this.files = files;
        this.modules = modules;
        this.nanoTime = nanoTime;
        this.told = nanoTime.getAsLong();
        this.progress = progress;
    }

    @Override
    public float[] of(String module) {
        if (Thread.currentThread().isInterrupted()) {
            throw new CancellationException("the weights are not needed any more");
        }
        long now = nanoTime.getAsLong();
        if (now - told > QUIET_NANOS) {
            told = now;
            progress.accept(read + " of " + modules + " modules have their first weights.");
        }
        BaseWeights weights = opened;
        if (weights == null) {
            weights = files.get();
            opened = weights;
        }
        read++;
        return weights.of(module);
    }
}
