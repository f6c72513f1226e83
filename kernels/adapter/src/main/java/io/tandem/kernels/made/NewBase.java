package io.tandem.kernels.made;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.QuantizedConfig;
import io.tandem.kernels.adapter.SparseConfig;
import io.tandem.kernels.adapter.method.BaseWeights;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.DurableFile;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsWriter;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.StoredType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Writes what training leaves whose result is no adapter: a base model of its own, a directory as HuggingFace lays it out. It has
 * all files of the base that was trained over, and all weights that were not.
 */
public abstract class NewBase {
    private static final String WEIGHTS = "model.safetensors";
    private static final String CONFIG = "config.json";
    private static final int MAX_CONFIG_BYTES = 4 << 20;
    private static final List<String> OF_WEIGHTS =
            List.of(".safetensors", ".index.json", ".bin", ".pt", ".pth", ".gguf", ".h5", ".onnx", ".msgpack");
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private final ModelFiles base;

    NewBase(ModelFiles base) {
        this.base = base;
    }

    /**
     * What comes of an adapter.
     *
     * @param base whose tokenizer and other weights it has
     * @param weights of the base's linears as they were trained over
     * @throws IllegalArgumentException if it is of a method that makes no base model
     */
    public static NewBase of(ModelFiles base, BaseWeights weights, Adapter trained) {
        if (trained.config() instanceof QuantizedConfig config) {
            return new QuantizedBase(base, weights, trained, config);
        }
        if (trained.config() instanceof SparseConfig) {
            return new SparseBase(base, weights, trained);
        }
        throw new IllegalArgumentException("an adapter of a method that makes no base model");
    }

    /**
     * Why no such model can be made of a base; empty if one can.
     *
     * @param base to be trained over
     */
    public static Optional<String> refusal(ModelFiles base) {
        return Files.isDirectory(base.path())
                ? Optional.empty()
                : Optional.of("needs a base model in a directory, and this one is a file");
    }

    /**
     * Writes all files. Reads one weight of the base at a time.
     *
     * @param directory that is there and empty
     * @throws ModelFormatException if a weight of the base cannot be read
     */
    public final void write(Path directory, ModelConfig model) throws IOException {
        copyOthers(directory);
        SafetensorsWriter.write(directory.resolve(WEIGHTS), tensors());
        DurableFile.write(directory.resolve(CONFIG), configuration(model));
    }

    /** Puts what was trained in the place of the base's weights. */
    abstract void replace(Map<String, Tensor> tensors);

    /** Makes the base's {@code config.json} the model's. */
    abstract void configure(ObjectNode json, ModelConfig model);

    private void copyOthers(Path directory) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.list(base.path())) {
            files = all.filter(Files::isRegularFile).sorted().toList();
        }
        for (Path file : files) {
            String name = file.getFileName().toString();
            if (!name.equals(CONFIG) && OF_WEIGHTS.stream().noneMatch(name::endsWith)) {
                Files.copy(file, directory.resolve(name));
            }
        }
    }

    private Map<String, Tensor> tensors() {
        Checkpoint files = base.weights();
        Map<String, Tensor> tensors = new TreeMap<>();
        for (String name : files.names()) {
            StoredType stored = files.entry(name).dtype();
            StoredType type = stored == StoredType.F16 || stored == StoredType.BF16 ? stored : StoredType.F32;
            tensors.put(name, new Tensor(type, files.entry(name).shape(), () -> files.floats(name)));
        }
        replace(tensors);
        return tensors;
    }

    private byte[] configuration(ModelConfig model) throws IOException {
        byte[] text = base.bytes(CONFIG, MAX_CONFIG_BYTES)
                .orElseThrow(() -> ModelFormatException.in(base.path(CONFIG), "no such file"));
        ObjectNode json = (ObjectNode) MAPPER.readTree(text);
        configure(json, model);
        return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsBytes(json);
    }
}
