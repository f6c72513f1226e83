package io.tandem.server.tenant;

import io.tandem.server.api.TenantId;
import io.tandem.server.finetune.run.TrainingAccount;
import io.tandem.server.storage.document.UnreachableException;
import io.tandem.server.tenant.Usage.Counts;
import java.io.UncheckedIOException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Holds what tenants train on a day (UTC) against their quotas. */
public final class TrainingUsage implements TrainingAccount {
    private final Usage usage;
    private final Function<TenantId, Quota> quotas;

    public TrainingUsage(Usage usage, Function<TenantId, Quota> quotas) {
        this.usage = usage;
        this.quotas = quotas;
    }

    @Override
    public void trained(TenantId tenant, String model, long tokens) {
        usage.add(tenant, model, new Counts(0, 0, 0, 0, tokens));
    }

    @Override
    public boolean exhausted(TenantId tenant) {
        @Nullable Long most = quotas.apply(tenant).trainingTokensPerDay();
        try {
            return most != null
                    && usage.of(tenant, usage.today()).values().stream()
                                    .mapToLong(Counts::trained)
                                    .sum()
                            >= most;
        } catch (UncheckedIOException e) {
            // A database that restarts stops no job that trains.
            if (e.getCause() instanceof UnreachableException) {
                return false;
            }
            throw e;
        }
    }
}
