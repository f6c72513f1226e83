package io.tandem.server.api;

import java.nio.charset.StandardCharsets;

/** Texts as they are sent and stored. */
public final class Utf8 {
    private Utf8() {}

    /** Whether it is text at all: what JSON escapes may be half a surrogate pair, which is no character. */
    public static boolean canEncode(String text) {
        return StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }

    /** Bytes of a text in UTF-8. */
    public static long length(String text) {
        long bytes = text.length();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            // Each half of a surrogate pair stands for two bytes.
            bytes += c < 0x80 ? 0 : c < 0x800 || Character.isSurrogate(c) ? 1 : 2;
        }
        return bytes;
    }
}
