package io.tandem.server.text;

import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/**
 * Tells models apart by what is in their files, wherever they lie and whatever they are called. Reading all weights would
 * take minutes, so it is their sizes and samples of them: models that were trained differently differ everywhere.
 */
final class ModelIdentity {
    private static final List<String> SMALL_FILES = List.of("config.json", "tokenizer.json");
    private static final int SAMPLES = 64;
    private static final int SAMPLE_BYTES = 4096;

    private ModelIdentity() {}

    /** @return SHA-256 in 64 digits */
    static String of(Path modelDir) {
        try (Stream<Path> all = Files.list(modelDir)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (String name : SMALL_FILES) {
                digest.update(Files.readAllBytes(modelDir.resolve(name)));
            }
            for (Path file : all.filter(path -> path.toString().endsWith(".safetensors"))
                    .sorted()
                    .toList()) {
                sample(file, digest);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException e) {
            throw new ModelFormatException(modelDir + ": cannot be read: " + JsonFile.excerpt(e.toString()), e);
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
