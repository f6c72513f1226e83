package io.tandem.kernels.quantized;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.QuantizedConfig;
import io.tandem.kernels.adapter.QuantizedFactors;
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
 * Writes what training over quantized weights leaves: a base model of its own, a directory in compressed-tensors' format
 * {@code pack-quantized}, which {@link QuantizedCheckpoint} reads. Scales are float32, so that each weight is the one that was
 * trained to the last digit.
 */
public final class QuantizedBase {
    private static final String WEIGHTS = "model.safetensors";
    private static final String CONFIG = "config.json";
    private static final int MAX_CONFIG_BYTES = 4 << 20;
    private static final List<String> OF_WEIGHTS =
            List.of(".safetensors", ".index.json", ".bin", ".pt", ".pth", ".gguf", ".h5", ".onnx", ".msgpack");
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private final ModelFiles base;
    private final BaseWeights weights;
    private final Adapter trained;
    private final QuantizedConfig config;

    /**
     * @param base whose tokenizer and other weights it has
     * @param weights of the base's linears as they were trained over
     * @param trained factors over quantized weights
     */
    public QuantizedBase(ModelFiles base, BaseWeights weights, Adapter trained) {
        this.base = base;
        this.weights = weights;
        this.trained = trained;
        if (!(trained.config() instanceof QuantizedConfig quantized)) {
            throw new IllegalArgumentException("an adapter of another method");
        }
        this.config = quantized;
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
    public void write(Path directory, ModelConfig model) throws IOException {
        copyOthers(directory);
        SafetensorsWriter.write(directory.resolve(WEIGHTS), tensors());
        DurableFile.write(directory.resolve(CONFIG), configuration(model));
    }

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
        trained.modules().forEach((site, change) -> {
            if (change instanceof QuantizedFactors own) {
                tensors.remove(site + ".weight");
                tensors.putAll(tensors(site, own));
            }
        });
        return tensors;
    }

    private Map<String, Tensor> tensors(Site site, QuantizedFactors own) {
        int columns = columns(own);
        return Map.of(
                site + ".weight_packed",
                new Tensor(StoredType.I32, new long[] {own.outputs(), columns}, () -> packed(site, own)),
                site + ".weight_scale",
                new Tensor(StoredType.F32, new long[] {own.outputs(), own.groups()}, () -> scales(own)),
                site + ".weight_shape",
                new Tensor(StoredType.I64, new long[] {2}, () -> new long[] {own.outputs(), own.inputs()}));
    }

    private static int columns(QuantizedFactors own) {
        int perInt = Integer.SIZE / own.bits();
        return (own.inputs() + perInt - 1) / perInt;
    }

    /** Lowest bits first, shifted to be positive. */
    private int[] packed(Site site, QuantizedFactors own) {
        byte[] codes = own.codes(weights.of(site));
        int perInt = Integer.SIZE / own.bits();
        int columns = columns(own);
        int zero = 1 << (own.bits() - 1);
        int[] packed = new int[own.outputs() * columns];
        for (int i = 0; i < codes.length; i++) {
            int input = i % own.inputs();
            packed[i / own.inputs() * columns + input / perInt] |= (codes[i] + zero) << (own.bits() * (input % perInt));
        }
        return packed;
    }

    private static float[] scales(QuantizedFactors own) {
        float[] scales = new float[own.steps().length];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = own.step(i / own.groups(), i % own.groups());
        }
        return scales;
    }

    private byte[] configuration(ModelConfig model) throws IOException {
        byte[] text = base.bytes(CONFIG, MAX_CONFIG_BYTES)
                .orElseThrow(() -> ModelFormatException.in(base.path(CONFIG), "no such file"));
        ObjectNode json = (ObjectNode) MAPPER.readTree(text);
        ObjectNode quantization = json.putObject("quantization_config");
        quantization.put("quant_method", "compressed-tensors").put("format", "pack-quantized");
        quantization.put("quantization_status", "compressed");
        ObjectNode group = quantization.putObject("config_groups").putObject("group_0");
        group.putArray("targets").add("Linear");
        ObjectNode of = group.putObject("weights");
        of.put("num_bits", config.bits()).put("type", "int").put("symmetric", true);
        of.put("strategy", "group").put("group_size", config.groupSize()).put("dynamic", false);
        ArrayNode ignored = quantization.putArray("ignore").add("lm_head");
        for (Site site : Site.all(model)) {
            Change change = trained.modules().get(site);
            if (change == null) {
                ignored.add(site.toString());
            }
        }
        return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsBytes(json);
    }
}
