package io.tandem.kernels.pretrain;

/** The printable character that byte-level BPE writes for each byte (GPT-2's table). */
public final class ByteAlphabet {
    private static final int BYTES = 256;
    private static final char[] CHARACTERS = table();

    private ByteAlphabet() {}

    /** @param value of the byte, 0 to 255 */
    public static char character(int value) {
        return CHARACTERS[value];
    }

    static String write(byte[] bytes) {
        StringBuilder text = new StringBuilder(bytes.length);
        for (byte value : bytes) {
            text.append(CHARACTERS[value & 0xFF]);
        }
        return text.toString();
    }

    static byte[] read(String text) {
        byte[] bytes = new byte[text.length()];
        for (int i = 0; i < bytes.length; i++) {
            for (int value = 0; value < BYTES; value++) {
                if (CHARACTERS[value] == text.charAt(i)) {
                    bytes[i] = (byte) value;
                }
            }
        }
        return bytes;
    }

    private static char[] table() {
        char[] table = new char[BYTES];
        int next = BYTES;
        for (int value = 0; value < BYTES; value++) {
            boolean printable = (value >= '!' && value <= '~') || (value >= 0xA1 && value <= 0xAC) || value >= 0xAE;
            table[value] = (char) (printable ? value : next++);
        }
        return table;
    }
}
