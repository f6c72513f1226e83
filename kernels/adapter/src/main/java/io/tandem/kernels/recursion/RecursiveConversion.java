package io.tandem.kernels.recursion;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.family.RecursionFields;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.DurableFile;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsWriter;
import io.tandem.kernels.weights.SafetensorsWriter.Tensor;
import io.tandem.kernels.weights.WeightNames;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Makes a recursive model of another one (relaxed recursive transformers, Bae et al., 2024). It is written beside its place, a
 * file for each layer of the block, and gets its name when all of it is there; a conversion that was broken off goes on with the
 * layers that are missing.
 */
public final class RecursiveConversion {
    private static final int MAX_BYTES = 256 << 20;
    private static final String INDEX = "model.safetensors.index.json";
    /** In an unfinished model only: what it is made of. */
    private static final String STAMP = "conversion.json";

    private static final List<String> TEXT_FILES = List.of(
            "tokenizer.json",
            "tokenizer_config.json",
            "generation_config.json",
            "special_tokens_map.json",
            "chat_template.jinja",
            "additional_chat_templates/tool_use.jinja");
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    /** How far it is. */
    @FunctionalInterface
    public interface Progress {
        /**
         * @param done linears that have their factors
         * @param total of those
         * @param what the last one
         */
        void show(long done, long total, String what);
    }

    /**
     * What the model has become.
     *
     * @param before bytes of its weights
     * @param after the same, now
     * @param lost of the square of what layers differ by from the shared weights, the part that their factors lack; of the
     *     linears that were made now
     */
    public record Report(long before, long after, double lost) {}

    private final ModelFiles base;
    private final SharedWeights start;
    private final ObjectNode config;
    private final ModelConfig model;
    private final ModelConfig original;
    private final Checkpoint weights;

    /**
     * @param loops how often texts go through the block
     * @param rank of the factors
     * @throws ModelFormatException if the base cannot be read, or is recursive already
     * @throws IllegalArgumentException if it has no such loops
     */
    public RecursiveConversion(ModelFiles base, int loops, int rank, SharedWeights start) {
        this.base = base;
        this.start = start;
        this.original = ModelConfigReader.read(base.config());
        if (original.recursion().isPresent()) {
            throw ModelFormatException.in(base.path(), "is a recursive model already");
        }
        if (loops < 2 || rank < 0 || original.layers() % loops != 0) {
            throw new IllegalArgumentException(original.layers() + " layers cannot be " + loops
                    + " loops with factors of rank " + rank + "; expected a divisor of the layers, 2 or more");
        }
        this.config = config(loops, rank);
        this.model = ModelConfigReader.read(JsonFields.parse(base.path("config.json"), bytes(config)));
        this.weights = base.weights();
        WeightNames.validate(weights, original);
    }

    private ObjectNode config(int loops, int rank) {
        ObjectNode json = object(base.bytes("config.json", MAX_BYTES).orElseThrow());
        json.putArray("architectures").add(RecursionFields.CLASS);
        json.put("model_type", RecursionFields.MODEL_TYPE);
        json.remove("quantization_config");
        ObjectNode recursion = json.putObject(RecursionFields.KEY);
        recursion.put(RecursionFields.ARCHITECTURE, original.architecture());
        recursion.put(RecursionFields.LOOPS, loops);
        recursion.put(RecursionFields.RANK, rank);
        recursion.put("shared_weights", start.label());
        return json;
    }

    /** What it will be. */
    public ModelConfig model() {
        return model;
    }

    /**
     * Writes the model.
     *
     * @throws FileAlreadyExistsException if there is something in its place, or an unfinished model of another conversion
     */
    public Report write(Path output, Progress progress) throws IOException {
        if (Files.exists(output)) {
            throw new FileAlreadyExistsException(output.toString());
        }
        Path part = DurableFile.unfinished(output);
        begin(part);
        long[] done = {0};
        long[] total = {0};
        RecursiveLinears linears = new RecursiveLinears(
                weights, model, start, site -> progress.show(++done[0], total[0], site.toString()));
        total[0] = linears.count();
        int files = model.blockLayers() + 1;
        Map<String, String> places = new TreeMap<>();
        long[] bytes = {0};
        for (int number = 0; number < files; number++) {
            Map<String, Tensor> tensors = number == 0 ? others() : linears.tensors(number - 1);
            String name = String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", number + 1, files);
            tensors.forEach((tensor, content) -> {
                places.put(tensor, name);
                bytes[0] += content.dtype().bytes()
                        * Arrays.stream(content.shape()).reduce(1, (left, right) -> left * right);
            });
            Path file = part.resolve(name);
            if (Files.exists(file)) {
                done[0] += tensors.keySet().stream()
                        .filter(tensor -> tensor.endsWith("." + WeightNames.FACTOR_A + ".weight"))
                        .count();
            } else {
                SafetensorsWriter.write(DurableFile.unfinished(file), tensors);
                DurableFile.publish(DurableFile.unfinished(file), file);
            }
        }
        finish(part, output, places, bytes[0]);
        long before = WeightNames.expected(original).keySet().stream()
                .mapToLong(name -> weights.entry(name).bytes())
                .sum();
        return new Report(before, bytes[0], linears.lost());
    }

    /** Goes on with what is there if it is of the same conversion. */
    private void begin(Path part) throws IOException {
        Files.createDirectories(part);
        byte[] stamp = stamp();
        Path file = part.resolve(STAMP);
        boolean started = Files.exists(file);
        if (started && !Arrays.equals(Files.readAllBytes(file), stamp)) {
            throw new FileAlreadyExistsException(
                    part.toString(),
                    null,
                    "is an unfinished conversion of another model or with other settings; remove it");
        }
        if (!started) {
            DurableFile.write(file, stamp);
        }
    }

    private byte[] stamp() throws IOException {
        ObjectNode stamp = MAPPER.createObjectNode();
        stamp.set("config", config);
        for (Path file : base.weightFiles()) {
            stamp.put(
                    file.toAbsolutePath().toString(), Files.size(file) + " bytes, " + Files.getLastModifiedTime(file));
        }
        return bytes(stamp);
    }

    private void finish(Path part, Path output, Map<String, String> places, long bytes) throws IOException {
        ObjectNode index = MAPPER.createObjectNode();
        index.putObject("metadata").put("total_size", bytes);
        ObjectNode map = index.putObject("weight_map");
        places.forEach(map::put);
        DurableFile.write(part.resolve(INDEX), bytes(index));
        for (String name : TEXT_FILES) {
            Optional<byte[]> content = base.bytes(name, MAX_BYTES);
            if (content.isPresent()) {
                Path file = part.resolve(name);
                Files.createDirectories(file.resolveSibling("."));
                DurableFile.write(file, content.get());
            }
        }
        DurableFile.write(part.resolve("config.json"), bytes(config));
        Files.delete(part.resolve(STAMP));
        DurableFile.publish(part, output);
    }

    /** All tensors that belong to no linear's weight. */
    private Map<String, Tensor> others() {
        Set<String> linears = Site.all(model).stream()
                .map(site -> WeightNames.weight(site.layer(), site.module(), site.expert()))
                .collect(Collectors.toSet());
        Map<String, Tensor> tensors = new TreeMap<>();
        WeightNames.expected(original).forEach((name, shape) -> {
            if (!linears.contains(name)) {
                tensors.put(name, new Tensor(RecursiveLinears.type(weights, name), shape, () -> weights.floats(name)));
            }
        });
        return tensors;
    }

    private static ObjectNode object(byte[] json) {
        try {
            return (ObjectNode) MAPPER.readTree(json);
        } catch (IOException e) {
            throw new IllegalStateException("a config.json that was read before", e);
        }
    }

    private static byte[] bytes(ObjectNode json) {
        return json.toPrettyString().getBytes(StandardCharsets.UTF_8);
    }
}
