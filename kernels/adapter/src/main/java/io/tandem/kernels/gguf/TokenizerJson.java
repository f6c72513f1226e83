package io.tandem.kernels.gguf;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Writes a file's tokenizer as HuggingFace's {@code tokenizer.json}. */
final class TokenizerJson {
    private static final String MODEL = "tokenizer.ggml.model";
    private static final String BEGIN = "tokenizer.ggml.add_bos_token";
    static final String BOS = "tokenizer.ggml.bos_token_id";

    private TokenizerJson() {}

    /** @throws io.tandem.kernels.weights.ModelFormatException if it is damaged or of a kind that is not supported */
    static ObjectNode of(Metadata metadata) {
        Tokens tokens = Tokens.of(metadata);
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("version", "1.0");
        json.set("added_tokens", tokens.added());
        boolean begins = switch (metadata.text(MODEL).orElse("")) {
            case "llama" -> SentencePiece.write(tokens, json);
            case "gpt2" -> BytePairs.write(tokens, json);
            default -> throw metadata.refuse(MODEL, "llama or gpt2 (docs/models.md)");
        };
        if (metadata.bool(BEGIN, begins)) {
            tokens.id(BOS).ifPresent(id -> beginWith(json, tokens.texts().get(id), id));
        }
        return json;
    }

    private static void beginWith(ObjectNode json, String token, int id) {
        ObjectNode processor = json.putObject("post_processor").put("type", "TemplateProcessing");
        processor
                .putArray("single")
                .addObject()
                .putObject("SpecialToken")
                .put("id", token)
                .put("type_id", 0);
        processor
                .withArray("single")
                .addObject()
                .putObject("Sequence")
                .put("id", "A")
                .put("type_id", 0);
        processor.putArray("pair");
        ObjectNode special =
                processor.putObject("special_tokens").putObject(token).put("id", token);
        special.putArray("ids").add(id);
        special.putArray("tokens").add(token);
    }
}
