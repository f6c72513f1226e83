package io.tandem.server.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** How vocabularies spell bytes with printable characters. */
final class ByteSpelling {
    private static final int LAST = 0x143;
    private static final short[] BYTES = new short[LAST + 1];

    static {
        int hidden = 0x100;
        Arrays.fill(BYTES, (short) -1);
        for (int b = 0; b < 256; b++) {
            boolean prints = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
            BYTES[prints ? b : hidden++] = (short) b;
        }
    }

    private ByteSpelling() {}

    /** GPT-2's: one character for each byte. A token with any other character is meant as it is written. */
    static byte[] byteLevel(String token) {
        byte[] bytes = new byte[token.length()];
        for (int i = 0; i < bytes.length; i++) {
            char c = token.charAt(i);
            if (c > LAST || BYTES[c] < 0) {
                return token.getBytes(StandardCharsets.UTF_8);
            }
            bytes[i] = (byte) BYTES[c];
        }
        return bytes;
    }

    /** SentencePiece's: {@code <0x0A>} for a byte that no token holds, and a low block for a space. */
    static byte[] fallback(String token) {
        if (token.length() == 6 && token.startsWith("<0x") && token.endsWith(">")) {
            int high = Character.digit(token.charAt(3), 16);
            int low = Character.digit(token.charAt(4), 16);
            if (high >= 0 && low >= 0) {
                return new byte[] {(byte) (high << 4 | low)};
            }
        }
        return token.replace('\u2581', ' ').getBytes(StandardCharsets.UTF_8);
    }
}
