package io.tandem.kernels.pretrain;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * A run that can go on after a crash.
 *
 * @param step the last one that is in the state
 * @param seconds that training took so far
 */
record Checkpoint(int step, long seconds, SampleModel.State state) {
    private static final String FILE = "checkpoint.bin";

    static Optional<Checkpoint> read(Path directory, Shape shape) throws IOException {
        Path file = directory.resolve(FILE);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
        int count = shape.parameters();
        long expected = Integer.BYTES + Long.BYTES + 3L * Float.BYTES * count;
        if (bytes.remaining() != expected) {
            throw new IOException(file + ": " + bytes.remaining() + " bytes, expected " + expected);
        }
        int step = bytes.getInt();
        long seconds = bytes.getLong();
        SampleModel.State state =
                new SampleModel.State(floats(bytes, count), floats(bytes, count), floats(bytes, count));
        return Optional.of(new Checkpoint(step, seconds, state));
    }

    /** Replaces the one before in one move, so that there is always a whole one. */
    void write(Path directory) throws IOException {
        int count = state.weights().length;
        ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES + Long.BYTES + 3 * Float.BYTES * count);
        bytes.putInt(step).putLong(seconds);
        for (float[] part : new float[][] {state.weights(), state.first(), state.second()}) {
            bytes.asFloatBuffer().put(part);
            bytes.position(bytes.position() + part.length * Float.BYTES);
        }
        bytes.flip();
        Path partial = directory.resolve(FILE + ".partial");
        try (FileChannel channel = FileChannel.open(
                partial, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Files.move(partial, directory.resolve(FILE), StandardCopyOption.REPLACE_EXISTING);
    }

    static void delete(Path directory) throws IOException {
        Files.deleteIfExists(directory.resolve(FILE));
    }

    private static float[] floats(ByteBuffer bytes, int count) {
        float[] floats = new float[count];
        bytes.asFloatBuffer().get(floats);
        bytes.position(bytes.position() + count * Float.BYTES);
        return floats;
    }
}
