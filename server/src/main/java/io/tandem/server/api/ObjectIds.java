package io.tandem.server.api;

import java.util.UUID;

/** Ids of what is made. */
public final class ObjectIds {
    private ObjectIds() {}

    /** A new one, for example {@code chatcmpl-} and 32 hexadecimal digits. */
    public static String random(String prefix) {
        return prefix + UUID.randomUUID().toString().replace("-", "");
    }

    /** A new one of what is kept, for example {@code file-} and 24 hexadecimal digits. */
    public static String kept(String prefix) {
        return random(prefix).substring(0, prefix.length() + 24);
    }
}
