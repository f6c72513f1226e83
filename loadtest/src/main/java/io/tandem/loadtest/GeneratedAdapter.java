package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * LoRA adapters of random numbers on all attention projections, in PEFT's layout: a configuration and a safetensors
 * file. They say nothing sensible, but cost what a trained adapter costs.
 *
 * @param layers of the base model
 * @param hidden width of its residual stream
 * @param queries rows of its query projection
 * @param keys rows of its key projection, and of its value projection
 * @param rank of the adapter
 */
public record GeneratedAdapter(int layers, int hidden, int queries, int keys, int rank) {
    private static final double SCALE = 0.01;

    /** A matrix {@code [rows, columns]}. */
    private record Shape(int rows, int columns) {
        int size() {
            return rows * columns;
        }
    }

    /** For the model in a directory of HuggingFace's layout. */
    public static GeneratedAdapter of(Path model, int rank) throws IOException {
        JsonNode config = ApiClient.JSON.readTree(model.resolve("config.json").toFile());
        int hidden = config.path("hidden_size").asInt();
        int heads = config.path("num_attention_heads").asInt();
        int head = config.path("head_dim").asInt(hidden / heads);
        return new GeneratedAdapter(
                config.path("num_hidden_layers").asInt(),
                hidden,
                heads * head,
                config.path("num_key_value_heads").asInt(heads) * head,
                rank);
    }

    /** Sends a generated adapter to a server. */
    public void publish(ApiClient client, String name, long seed) throws IOException, InterruptedException {
        Path directory = Leftovers.directory("tandem-adapter");
        try {
            client.upload("/v1/adapters", Map.of("name", name), write(directory, seed));
        } finally {
            Leftovers.delete(directory);
        }
    }

    /** Writes the adapter's files into a directory; returns them. */
    public List<Path> write(Path directory, long seed) throws IOException {
        return List.of(
                Files.writeString(directory.resolve("adapter_config.json"), config()),
                Files.write(directory.resolve("adapter_model.safetensors"), safetensors(seed)));
    }

    private String config() {
        ObjectNode config = ApiClient.JSON.createObjectNode();
        config.put("peft_type", "LORA")
                .put("task_type", "CAUSAL_LM")
                .put("r", rank)
                .put("lora_alpha", rank);
        List.of("q_proj", "k_proj", "v_proj", "o_proj").forEach(config.putArray("target_modules")::add);
        return config.toString();
    }

    /** The file: the header's length in 8 bytes, the header in JSON, and the numbers. */
    byte[] safetensors(long seed) {
        ObjectNode header = ApiClient.JSON.createObjectNode();
        int end = 0;
        for (Map.Entry<String, Shape> tensor : tensors().entrySet()) {
            ObjectNode entry = header.putObject(tensor.getKey()).put("dtype", "F32");
            entry.putArray("shape")
                    .add(tensor.getValue().rows())
                    .add(tensor.getValue().columns());
            ArrayNode offsets = entry.putArray("data_offsets").add(end);
            end += Float.BYTES * tensor.getValue().size();
            offsets.add(end);
        }
        byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = ByteBuffer.allocate(Long.BYTES + json.length + end).order(ByteOrder.LITTLE_ENDIAN);
        file.putLong(json.length).put(json);
        Random random = new Random(seed);
        while (file.hasRemaining()) {
            file.putFloat((float) (SCALE * random.nextGaussian()));
        }
        return file.array();
    }

    private Map<String, Shape> tensors() {
        Map<String, Shape> tensors = new LinkedHashMap<>();
        for (int layer = 0; layer < layers; layer++) {
            String of = "base_model.model.model.layers." + layer + ".self_attn.";
            both(tensors, of + "q_proj", hidden, queries);
            both(tensors, of + "k_proj", hidden, keys);
            both(tensors, of + "v_proj", hidden, keys);
            both(tensors, of + "o_proj", queries, hidden);
        }
        return tensors;
    }

    private void both(Map<String, Shape> tensors, String module, int inputs, int outputs) {
        tensors.put(module + ".lora_A.weight", new Shape(rank, inputs));
        tensors.put(module + ".lora_B.weight", new Shape(outputs, rank));
    }

    /** Publishes several; returns their names. */
    public List<String> publishAll(ApiClient client, int count) throws IOException, InterruptedException {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            names.add("generated-" + i);
            publish(client, names.get(i), i);
        }
        return names;
    }
}
