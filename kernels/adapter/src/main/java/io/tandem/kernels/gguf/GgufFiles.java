package io.tandem.kernels.gguf;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.weights.Checkpoint;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A model in a GGUF file, as if it were a directory in HuggingFace's layout. */
public final class GgufFiles implements ModelFiles {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final String PARTS = "split.count";
    private static final String EOS = "tokenizer.ggml.eos_token_id";
    private static final List<String> ENDS = List.of(EOS, "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id");
    /** Ends of a turn that files often do not point at. */
    private static final Set<String> TURN_ENDS =
            Set.of("<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>");

    private static final Map<String, String> SPECIAL = Map.of(
            "bos_token",
            TokenizerJson.BOS,
            "eos_token",
            EOS,
            "unk_token",
            "tokenizer.ggml.unknown_token_id",
            "pad_token",
            "tokenizer.ggml.padding_token_id");

    private final GgufFile file;
    private final Sizes sizes;
    private final JsonFields config;

    private GgufFiles(GgufFile file) {
        this.file = file;
        this.sizes = Sizes.of(file.metadata());
        this.config = JsonFields.parse(file.path(), text(ConfigJson.of(file, sizes)));
    }

    /**
     * Opens a file; reads what comes before the tensors.
     *
     * @throws ModelFormatException if it is missing, damaged, or of a kind that is not supported
     */
    public static GgufFiles open(Path path) {
        GgufFile file = GgufFile.open(path);
        if (file.metadata().integer(PARTS).orElse(1) > 1) {
            throw file.metadata()
                    .refuse(PARTS, "all parts in one file; join them with llama.cpp's llama-gguf-split --merge");
        }
        return new GgufFiles(file);
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public Path path(String name) {
        return file.path();
    }

    @Override
    public Optional<byte[]> bytes(String name, int maxBytes) {
        Optional<byte[]> bytes = switch (name) {
            case "config.json" -> Optional.of(text(ConfigJson.of(file, sizes)));
            case "additional_chat_templates/tool_use.jinja" ->
                file.metadata()
                        .text("tokenizer.chat_template.tool_use")
                        .map(template -> template.getBytes(StandardCharsets.UTF_8));
            case "tokenizer.json" -> Optional.of(text(TokenizerJson.of(file.metadata())));
            case "tokenizer_config.json" -> Optional.of(text(tokenizerConfig()));
            case "generation_config.json" -> Optional.of(text(generationConfig()));
            default -> Optional.empty();
        };
        if (bytes.isPresent() && bytes.get().length > maxBytes) {
            throw ModelFormatException.in(
                    file.path(), "makes a " + name + " larger than the limit of " + maxBytes + " bytes");
        }
        return bytes;
    }

    @Override
    public JsonFields config() {
        return config;
    }

    @Override
    public Checkpoint weights() {
        return Checkpoint.of(file.path(), new GgufTensors(file, WeightMapping.of(file, sizes)));
    }

    @Override
    public List<byte[]> description() {
        return List.of(file.description());
    }

    @Override
    public List<Path> weightFiles() {
        return List.of(file.path());
    }

    private ObjectNode tokenizerConfig() {
        Tokens tokens = Tokens.of(file.metadata());
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        SPECIAL.forEach((name, key) -> tokens.text(key).ifPresent(text -> json.put(name, text)));
        file.metadata().text("tokenizer.chat_template").ifPresent(template -> json.put("chat_template", template));
        return json;
    }

    private ObjectNode generationConfig() {
        Tokens tokens = Tokens.of(file.metadata());
        Set<Integer> ends = new LinkedHashSet<>();
        ENDS.forEach(key -> tokens.id(key).ifPresent(ends::add));
        ends.addAll(tokens.controls(TURN_ENDS));
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        ends.forEach(json.putArray("eos_token_id")::add);
        return json;
    }

    private static byte[] text(ObjectNode json) {
        try {
            return MAPPER.writeValueAsBytes(json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
