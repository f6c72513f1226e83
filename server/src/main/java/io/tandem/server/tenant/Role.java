package io.tandem.server.tenant;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** What a key allows; each role includes those before it. */
public enum Role {
    /** Answers, files and batches. */
    INFERENCE,
    /** Fine-tuning jobs and changes of adapters. */
    FINETUNE,
    /** Keys of the tenant; in the default tenant, the tenants too. */
    ADMIN;

    public boolean includes(Role other) {
        return compareTo(other) >= 0;
    }

    /** As it is in requests, answers and files. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    public static Optional<Role> of(String label) {
        return Arrays.stream(values())
                .filter(role -> role.label().equals(label))
                .findFirst();
    }
}
