package io.tandem.kernels.source;

import io.tandem.kernels.quantized.QuantizedCheckpoint;
import io.tandem.kernels.weights.BoundedFile;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A directory in HuggingFace's layout. */
final class ModelDirectory implements ModelFiles {
    private static final int MAX_CONFIG_BYTES = 4 << 20;
    private static final int MAX_DESCRIPTION_BYTES = 64 << 20;

    private final Path directory;
    private volatile @Nullable JsonFields config;

    ModelDirectory(Path directory) {
        this.directory = directory;
    }

    @Override
    public Path path() {
        return directory;
    }

    @Override
    public Path path(String name) {
        return directory.resolve(name);
    }

    @Override
    public Optional<byte[]> bytes(String name, int maxBytes) {
        Path file = path(name);
        return Files.exists(file) ? Optional.of(BoundedFile.read(file, maxBytes)) : Optional.empty();
    }

    @Override
    public JsonFields config() {
        JsonFields known = config;
        if (known == null) {
            known = JsonFields.read(path("config.json"), MAX_CONFIG_BYTES);
            config = known;
        }
        return known;
    }

    @Override
    public Checkpoint weights() {
        return QuantizedCheckpoint.open(directory, config());
    }

    @Override
    public List<byte[]> description() {
        return Stream.of("config.json", "tokenizer.json")
                .map(name -> BoundedFile.read(path(name), MAX_DESCRIPTION_BYTES))
                .toList();
    }

    @Override
    public List<Path> weightFiles() {
        try (Stream<Path> all = Files.list(directory)) {
            return all.filter(path -> path.toString().endsWith(".safetensors"))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw ModelFormatException.in(directory, "cannot be read", e);
        }
    }
}
