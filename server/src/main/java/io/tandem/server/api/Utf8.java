package io.tandem.server.text;

/** Sizes of texts as they are sent. */
public final class Utf8 {
    private Utf8() {}

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
