package io.tandem.server.finetune.run;

import io.tandem.server.api.TenantId;

/** Who has trained how much. For the jobs' thread. */
public interface TrainingAccount {
    /** A job has learned so many tokens. */
    void trained(TenantId tenant, String model, long tokens);

    /** Whether a tenant has trained as much as it may for now. */
    boolean exhausted(TenantId tenant);

    /** Where nobody counts. */
    TrainingAccount NONE = new TrainingAccount() {
        @Override
        public void trained(TenantId tenant, String model, long tokens) {}

        @Override
        public boolean exhausted(TenantId tenant) {
            return false;
        }
    };
}
