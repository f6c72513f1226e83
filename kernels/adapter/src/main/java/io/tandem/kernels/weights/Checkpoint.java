package io.tandem.kernels.weights;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The weights in a model directory: {@code model.safetensors}, or the shards that
 * {@code model.safetensors.index.json} lists.
 */
public final class Checkpoint implements TensorSource {
    private static final String SINGLE = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final int MAX_INDEX_BYTES = 64 << 20;

    private final Path directory;
    private final Map<String, TensorSource> tensors;

    private Checkpoint(Path directory, Map<String, TensorSource> tensors) {
        this.directory = directory;
        this.tensors = Collections.unmodifiableMap(tensors);
    }

    /**
     * Opens all files of a checkpoint; reads headers only.
     *
     * @throws ModelFormatException if a file is missing or damaged, or the index and the shards disagree
     */
    public static Checkpoint open(Path directory) {
        Map<String, TensorSource> tensors = new TreeMap<>();
        if (Files.isRegularFile(directory.resolve(SINGLE))) {
            SafetensorsFile file = SafetensorsFile.open(directory.resolve(SINGLE));
            file.names().forEach(name -> tensors.put(name, file));
        } else if (Files.isRegularFile(directory.resolve(INDEX))) {
            openShards(directory, tensors);
        } else {
            throw ModelFormatException.in(
                    directory,
                    "neither " + SINGLE + " nor " + INDEX
                            + "; other formats must be converted to safetensors (pickled weights are never read)");
        }
        return new Checkpoint(directory, tensors);
    }

    /**
     * A checkpoint of tensors that come from elsewhere.
     *
     * @param place for messages
     */
    public static Checkpoint of(Path place, TensorSource source) {
        Map<String, TensorSource> tensors = new TreeMap<>();
        source.names().forEach(name -> tensors.put(name, source));
        return new Checkpoint(place, tensors);
    }

    private static void openShards(Path directory, Map<String, TensorSource> tensors) {
        JsonFields index = JsonFields.read(directory.resolve(INDEX), MAX_INDEX_BYTES);
        JsonFields weightMap = index.object("weight_map")
                .orElseThrow(() -> index.refuse("weight_map", "an object of tensor names and file names"));
        Map<String, SafetensorsFile> shards = new HashMap<>();
        List<String> missing = new ArrayList<>();
        for (String tensor : weightMap.keys()) {
            String shard = shardName(weightMap, tensor);
            SafetensorsFile file = shards.computeIfAbsent(shard, name -> SafetensorsFile.open(directory.resolve(name)));
            if (file.names().contains(tensor)) {
                tensors.put(tensor, file);
            } else {
                missing.add(tensor + " in " + shard);
            }
        }
        if (!missing.isEmpty()) {
            throw ModelFormatException.in(
                    index.file(),
                    missing.size() + " listed tensors are missing: "
                            + String.join(", ", missing.subList(0, Math.min(10, missing.size()))));
        }
    }

    private static String shardName(JsonFields weightMap, String tensor) {
        String expected = "the name of a .safetensors file of the same directory";
        JsonNode value = weightMap.value(tensor).orElseThrow(() -> weightMap.refuse(tensor, expected));
        // An index that came from elsewhere must not reach files outside of its directory.
        String name = value.isTextual() ? value.textValue() : "";
        boolean plain = name.chars().allMatch(c -> c > ' ' && c < 0x7F && "/\\:*?\"<>|".indexOf(c) < 0);
        if (!plain || !name.endsWith(".safetensors") || name.startsWith(".")) {
            throw weightMap.refuse(tensor, expected);
        }
        return name;
    }

    /** The directory or file, for messages. */
    public Path directory() {
        return directory;
    }

    /** Sorted. */
    @Override
    public Set<String> names() {
        return tensors.keySet();
    }

    @Override
    public TensorEntry entry(String name) {
        return file(name).entry(name);
    }

    @Override
    public void read(String name, ByteBuffer piece, Consumer<ByteBuffer> sink) {
        file(name).read(name, piece, sink);
    }

    @Override
    public float[] floats(String name) {
        return file(name).floats(name);
    }

    private TensorSource file(String name) {
        TensorSource file = tensors.get(name);
        if (file == null) {
            throw ModelFormatException.in(directory, "no tensor " + name);
        }
        return file;
    }
}
