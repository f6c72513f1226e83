package io.tandem.server.storage;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Scalars for TensorBoard: TFRecords, each a length and the bytes of a protobuf message with a masked CRC-32C after
 * either. The few fields that are needed are written by hand: {@code Event {double wall_time = 1; int64 step = 2; string
 * file_version = 3; Summary summary = 5; SessionLog session_log = 7}}, {@code Summary {repeated Value value = 1}},
 * {@code Value {string tag = 1; float simple_value = 2}}, {@code SessionLog {Status status = 1}}.
 */
final class TensorBoardFile {
    private static final int VARINT = 0;
    private static final int FIXED64 = 1;
    private static final int BYTES = 2;
    private static final int FIXED32 = 5;
    private static final int SESSION_START = 1;
    private static final int MASK = 0xA282EAD8;

    private final Path file;

    /**
     * Starts a file.
     *
     * @param step after which this file goes on; TensorBoard forgets what earlier files say of later ones
     */
    TensorBoardFile(Path file, double wallSeconds, long step) throws IOException {
        this.file = file;
        append(event(wallSeconds, 0, 3, "brain.Event:2".getBytes(StandardCharsets.UTF_8)));
        Message session = new Message();
        session.varint(1, SESSION_START);
        append(event(wallSeconds, step, 7, session.bytes()));
    }

    /** Adds numbers of one step, by tag. */
    void scalars(double wallSeconds, long step, Map<String, Double> values) throws IOException {
        Message summary = new Message();
        values.forEach((tag, number) -> {
            Message value = new Message();
            value.bytes(1, tag.getBytes(StandardCharsets.UTF_8));
            value.fixed32(2, number.floatValue());
            summary.bytes(1, value.bytes());
        });
        append(event(wallSeconds, step, 5, summary.bytes()));
    }

    private static byte[] event(double wallSeconds, long step, int field, byte[] content) {
        Message event = new Message();
        event.fixed64(1, wallSeconds);
        event.varint(2, step);
        event.bytes(field, content);
        return event.bytes();
    }

    private void append(byte[] record) throws IOException {
        byte[] length = little(record.length, Long.BYTES);
        try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            out.write(length);
            out.write(little(masked(length), Integer.BYTES));
            out.write(record);
            out.write(little(masked(record), Integer.BYTES));
        }
    }

    private static int masked(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return Integer.rotateRight((int) crc.getValue(), 15) + MASK;
    }

    /** The lowest bytes of a number, the lowest first. */
    private static byte[] little(long number, int bytes) {
        byte[] result = new byte[bytes];
        for (int i = 0; i < bytes; i++) {
            result[i] = (byte) (number >>> (Byte.SIZE * i));
        }
        return result;
    }

    /** A protobuf message in the making. */
    private static final class Message {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        byte[] bytes() {
            return out.toByteArray();
        }

        void varint(int field, long value) {
            key(field, VARINT);
            number(value);
        }

        void fixed64(int field, double value) {
            key(field, FIXED64);
            out.writeBytes(little(Double.doubleToLongBits(value), Double.BYTES));
        }

        void fixed32(int field, float value) {
            key(field, FIXED32);
            out.writeBytes(little(Float.floatToIntBits(value), Float.BYTES));
        }

        void bytes(int field, byte[] content) {
            key(field, BYTES);
            number(content.length);
            out.writeBytes(content);
        }

        private void key(int field, int wireType) {
            number((field << 3) | wireType);
        }

        private void number(long value) {
            long left = value;
            while ((left & ~0x7FL) != 0) {
                out.write((int) ((left & 0x7F) | 0x80));
                left >>>= 7;
            }
            out.write((int) left);
        }
    }
}
