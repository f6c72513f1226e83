package io.tandem.kernels.adapter.compeft;

import io.tandem.kernels.adapter.AdapterFormatException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** What is left of a file, read once from front to back; reading beyond the end is refused. */
final class ByteInput {
    private static final int MAX_VARINT_BYTES = 5;

    private final String name;
    private final ByteBuffer bytes;
    private String section = "the file";
    private int current;
    private int currentBits;

    /** @param name of the adapter, for refusals */
    ByteInput(String name, byte[] bytes) {
        this.name = name;
        this.bytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** What the following bytes are, for refusals. */
    void enter(String part) {
        section = part;
    }

    int remaining() {
        return bytes.remaining();
    }

    /** Takes the last bytes away. */
    ByteInput withoutLast(int count) {
        bytes.limit(bytes.limit() - count);
        return this;
    }

    byte[] take(int count) {
        byte[] taken = new byte[need(count)];
        bytes.get(taken);
        return taken;
    }

    int unsignedByte() {
        need(Byte.BYTES);
        return Byte.toUnsignedInt(bytes.get());
    }

    int unsignedShort() {
        need(Short.BYTES);
        return Short.toUnsignedInt(bytes.getShort());
    }

    int integer() {
        need(Integer.BYTES);
        return bytes.getInt();
    }

    float real() {
        need(Float.BYTES);
        return bytes.getFloat();
    }

    /** A number of 0 to {@code max} in the shortest LEB128. */
    int varint(String what, int max) {
        long value = 0;
        for (int i = 0; i < MAX_VARINT_BYTES; i++) {
            int next = unsignedByte();
            value |= (next & 0x7FL) << (7 * i);
            if (next < 0x80) {
                if (next == 0 && i > 0) {
                    throw refusal("a " + what + " in " + (i + 1) + " bytes", "the shortest form");
                }
                if (value > max) {
                    throw refusal("a " + what + " of " + value, "at most " + max);
                }
                return (int) value;
            }
        }
        throw refusal("a " + what + " of more than " + MAX_VARINT_BYTES + " bytes", "at most " + max);
    }

    /** The next bit; the highest of a byte is the first. */
    boolean bit() {
        if (currentBits == 0) {
            current = unsignedByte();
            currentBits = Byte.SIZE;
        }
        return ((current >>> --currentBits) & 1) == 1;
    }

    int bits(int count) {
        int value = 0;
        for (int i = 0; i < count; i++) {
            value = (value << 1) | (bit() ? 1 : 0);
        }
        return value;
    }

    /** Leaves a byte that was read in part; the rest of it must be zeros. */
    void endBits() {
        if ((current & ((1 << currentBits) - 1)) != 0) {
            throw refusal("padding that is not zero", "zeros up to the next byte");
        }
        currentBits = 0;
    }

    private int need(int count) {
        if (count < 0 || count > bytes.remaining()) {
            throw refusal(
                    "the end after " + bytes.remaining() + " bytes", Integer.toUnsignedLong(count) + " more bytes");
        }
        return count;
    }

    AdapterFormatException refusal(String found, String expected) {
        return new AdapterFormatException("adapter '" + name + "': " + section + ", byte " + bytes.position()
                + ": found " + found + ", expected " + expected);
    }
}
