package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.ModelFormatException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/** A GGUF file; opening reads what comes before the data. */
record GgufFile(Path path, GgufHeader header) {
    /** @throws ModelFormatException if it is missing, damaged, or of a kind that is not supported */
    static GgufFile open(Path file) {
        if (!Files.isRegularFile(file)) {
            throw ModelFormatException.in(file, "no such file");
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return new GgufFile(file, GgufHeader.read(file, new GgufInput(file, channel)));
        } catch (IOException e) {
            throw ModelFormatException.in(file, "cannot be read", e);
        }
    }

    Metadata metadata() {
        return header.metadata();
    }

    Map<String, GgufTensor> tensors() {
        return header.tensors();
    }

    /** Something that is given parts of the file. */
    @FunctionalInterface
    interface Sink {
        /** @param first index of the first unit in the part */
        void accept(ByteBuffer part, long first);
    }

    /**
     * Reads a part of the file piece by piece.
     *
     * @param unit bytes that are kept together
     * @param units how many
     * @param atOnce how many of them the sink gets at most
     */
    void read(long begin, int unit, long units, int atOnce, Sink sink) {
        ByteBuffer part =
                ByteBuffer.allocate((int) Math.min(units, atOnce) * unit).order(ByteOrder.LITTLE_ENDIAN);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            for (long first = 0; first < units; first += atOnce) {
                part.clear().limit((int) Math.min(units - first, atOnce) * unit);
                long at = begin + first * unit;
                while (part.hasRemaining()) {
                    if (channel.read(part, at + part.position()) < 0) {
                        throw new EOFException("ends at byte " + channel.size());
                    }
                }
                sink.accept(part.flip(), first);
            }
        } catch (IOException e) {
            throw ModelFormatException.in(path, "cannot be read", e);
        }
    }

    /** All that comes before the data. */
    byte[] description() {
        byte[] bytes = new byte[(int) header.bytes()];
        read(0, 1, bytes.length, 1 << 16, (part, first) -> part.get(bytes, (int) first, part.remaining()));
        return bytes;
    }
}
