package io.tandem.server.api;

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

    public static TenantId random() {
        return new TenantId(ObjectIds.kept("proj_"));
    }

    public boolean isDefault() {
        return equals(DEFAULT);
    }

    @Override
    public String toString() {
        return value;
    }
}
