package io.tandem.server.http;

import java.util.UUID;

/** Ids of what is answered. */
final class ObjectIds {
    private ObjectIds() {}

    /** A new one, for example {@code chatcmpl-} and 32 hexadecimal digits. */
    static String random(String prefix) {
        return prefix + UUID.randomUUID().toString().replace("-", "");
    }
}
