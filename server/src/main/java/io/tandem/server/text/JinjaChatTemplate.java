package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The chat template of a model's {@code tokenizer_config.json}, or of the {@code chat_template.jinja} beside it. */
public final class JinjaChatTemplate implements ChatTemplate {
    private static final int MAX_FILE_BYTES = 16 << 20;
    /** Ten times what the longest published ones have; the template is parsed for each chat. */
    private static final int MAX_SOURCE_CHARS = 1 << 18;

    /** The parser looks ahead at each bracket, to the end of the outermost. */
    private static final int MAX_NESTING = 100;

    private final TemplateSandbox sandbox = new TemplateSandbox();
    private final String source;
    private final String bos;
    private final String eos;

    private JinjaChatTemplate(String source, String bos, String eos) {
        this.source = source;
        this.bos = bos;
        this.eos = eos;
    }

    /**
     * The template of a model; one that refuses every chat if the model has none.
     *
     * @throws ModelFormatException if a file is damaged
     */
    public static ChatTemplate load(Path modelDir) {
        Path config = modelDir.resolve("tokenizer_config.json");
        JsonNode json = Files.exists(config) ? JsonFile.object(config, MAX_FILE_BYTES) : JsonFile.MAPPER.nullNode();
        Path file = modelDir.resolve("chat_template.jinja");
        Optional<String> source = Files.exists(file)
                ? Optional.of(JsonFile.text(file, MAX_FILE_BYTES))
                : source(config, json.path("chat_template"));
        if (source.isEmpty()) {
            return (messages, addGenerationPrompt) -> {
                throw ApiException.invalid("messages", "The model has no chat template. Use /v1/completions.");
            };
        }
        if (source.get().length() > MAX_SOURCE_CHARS) {
            throw new ModelFormatException((Files.exists(file) ? file : config) + ": the chat template has "
                    + source.get().length() + " characters, expected at most " + MAX_SOURCE_CHARS);
        }
        if (nesting(source.get()) > MAX_NESTING) {
            throw new ModelFormatException((Files.exists(file) ? file : config)
                    + ": the chat template nests brackets more than " + MAX_NESTING + " deep");
        }
        return new JinjaChatTemplate(source.get(), token(json.path("bos_token")), token(json.path("eos_token")));
    }

    private static int nesting(String source) {
        int depth = 0;
        int deepest = 0;
        for (int i = 0; i < source.length(); i++) {
            char c = source.charAt(i);
            depth += "([{".indexOf(c) >= 0 ? 1 : ")]}".indexOf(c) >= 0 && depth > 0 ? -1 : 0;
            deepest = Math.max(deepest, depth);
        }
        return deepest;
    }

    private static Optional<String> source(Path file, JsonNode template) {
        if (template.isMissingNode() || template.isNull()) {
            return Optional.empty();
        }
        if (template.isTextual()) {
            return Optional.of(template.textValue());
        }
        for (JsonNode named : template) {
            if (named.path("name").asText().equals("default")
                    && named.path("template").isTextual()) {
                return Optional.of(named.path("template").textValue());
            }
        }
        throw new ModelFormatException(
                file + ": chat_template is neither a text nor a list with a template named default");
    }

    /** Either the token or an object that describes it. */
    private static String token(JsonNode token) {
        return token.isObject() ? token.path("content").asText() : token.isTextual() ? token.textValue() : "";
    }

    @Override
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        List<Map<String, String>> maps = messages.stream()
                .map(message -> Map.of("role", message.role(), "content", message.content()))
                .toList();
        RenderResult result;
        try {
            result = sandbox.render(
                    source,
                    Map.of(
                            "messages",
                            maps,
                            "add_generation_prompt",
                            addGenerationPrompt,
                            "bos_token",
                            bos,
                            "eos_token",
                            eos));
        } catch (RenderBudget.Exceeded e) {
            throw new ApiException(
                    400,
                    "invalid_request_error",
                    "messages",
                    "chat_template_limit",
                    "The model's chat template " + e.getMessage()
                            + " for these messages, which is more than it may. Send less, or use /v1/completions.");
        }
        for (TemplateError error : result.getErrors()) {
            if (error.getSeverity() == TemplateError.ErrorType.FATAL) {
                throw ApiException.invalid("messages", reason(error));
            }
        }
        return result.getOutput();
    }

    private static String reason(TemplateError error) {
        for (Throwable cause = error.getException(); cause != null; cause = cause.getCause()) {
            if (cause instanceof TemplateRefusal refusal) {
                return "The model's chat template refuses the messages: " + refusal.getMessage();
            }
        }
        return "The model's chat template cannot render the messages: "
                + JsonFile.excerpt(String.valueOf(error.getMessage()));
    }
}
