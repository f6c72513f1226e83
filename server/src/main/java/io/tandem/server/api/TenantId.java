package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;
import java.util.regex.Pattern;

/** Whose something is: OpenAI's id of a project. */
public record TenantId(String value) {
    private static final Pattern SYNTAX = Pattern.compile("default|proj_[0-9a-f]{24}");

    /** Owns what nobody else does, what older servers left included; its admins run the server. */
    public static final TenantId DEFAULT = new TenantId("default");

    /** @throws IllegalArgumentException if it cannot be one */
    public TenantId {
        if (!isOne(value)) {
            throw new IllegalArgumentException("'" + value + "' is no id of a tenant");
        }
    }

    public static boolean isOne(String text) {
        return SYNTAX.matcher(text).matches();
    }

    /** The owner in a stored object. What older servers left is the default tenant's; empty if it is damaged. */
    public static Optional<TenantId> stored(JsonNode owner) {
        return owner.isMissingNode()
                ? Optional.of(DEFAULT)
                : Optional.of(owner.asText()).filter(TenantId::isOne).map(TenantId::new);
    }

    public static TenantId random() {
        return new TenantId(ObjectIds.kept("proj_"));
    }

    public boolean isDefault() {
        return equals(DEFAULT);
    }

    /**
     * Who shares the device fairly with others. Users are what a tenant says of itself, so only the one that runs the server
     * has several accounts.
     */
    public String account(String user) {
        return isDefault() ? value + "/" + user : value;
    }

    @Override
    public String toString() {
        return value;
    }
}
