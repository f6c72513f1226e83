package io.tandem.server.text;

import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Tells models apart by what is in their files, wherever they lie and whatever they are called. Reading all weights would
 * take minutes, so it is their sizes and samples of them: models that were trained differently differ everywhere.
 */
final class ModelIdentity {
    private static final int SAMPLES = 64;
    private static final int SAMPLE_BYTES = 4096;

    private ModelIdentity() {}

    /** @return SHA-256 in 64 digits */
    static String of(ModelFiles files) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            files.description().forEach(digest::update);
            for (Path file : files.weightFiles()) {
                sample(file, digest);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException e) {
            throw new ModelFormatException(files.path() + ": cannot be read: " + JsonFile.excerpt(e.toString()), e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static void sample(Path file, MessageDigest digest) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            digest.update(ByteBuffer.allocate(Long.BYTES).putLong(size).flip());
            for (int i = 0; i <= SAMPLES; i++) {
                ByteBuffer sample = ByteBuffer.allocate(SAMPLE_BYTES);
                channel.read(sample, Math.max(0, size - SAMPLE_BYTES) / SAMPLES * i);
                digest.update(sample.flip());
            }
        }
    }
}
