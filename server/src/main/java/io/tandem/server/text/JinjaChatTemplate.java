package io.tandem.server.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.weights.ModelFiles;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.ChatRendering;
import io.tandem.server.text.jinja.Template;
import io.tandem.server.text.jinja.TemplateException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The chat template of a model's {@code tokenizer_config.json}, or of the {@code chat_template.jinja} beside it. */
public final class JinjaChatTemplate implements ChatTemplate {
    private static final Logger LOG = LoggerFactory.getLogger(JinjaChatTemplate.class);
    private static final String FILE = "chat_template.jinja";
    private static final String DEFAULT = "default";
    /** As transformers does, for chats with tools. */
    private static final String TOOLS = "tool_use";

    private static final String TOOLS_FILE = "additional_chat_templates/" + TOOLS + ".jinja";
    private static final int MAX_FILE_BYTES = 16 << 20;
    /** Ten times what the longest published ones have. */
    private static final int MAX_SOURCE_CHARS = 1 << 18;

    private final String source;
    private final Template template;
    private final SpecialTokens specialTokens;

    private JinjaChatTemplate(String source, Template template, SpecialTokens specialTokens) {
        this.source = source;
        this.template = template;
        this.specialTokens = specialTokens;
    }

    /**
     * The template of a model, and the one for chats with tools if it has two; one that refuses every chat if the model
     * has none.
     *
     * @param config the model's tokenizer_config.json
     * @throws ModelFormatException if a file is damaged
     */
    static ChatTemplate load(ModelFiles files, ModelFile config, SpecialTokens specialTokens) {
        ChatTemplate usual = find(files, FILE, config, DEFAULT)
                .map(found -> parse(found, specialTokens))
                .orElseGet(() -> absent(config));
        return find(files, TOOLS_FILE, config, TOOLS)
                .map(found -> parse(found, specialTokens))
                .<ChatTemplate>map(withTools -> new ToolUseTemplate(usual, withTools))
                .orElse(usual);
    }

    /** @param place where it stands, for complaints */
    private record Source(Path place, String text) {}

    /** A template in a file of its own, or of this name in the tokenizer's configuration. */
    private static Optional<Source> find(ModelFiles files, String file, ModelFile config, String name) {
        return files.bytes(file, MAX_FILE_BYTES)
                .map(content -> new Source(files.path(file), new String(content, StandardCharsets.UTF_8)))
                .or(() ->
                        named(config.json().path("chat_template"), name).map(text -> new Source(config.path(), text)));
    }

    private static ChatTemplate parse(Source source, SpecialTokens specialTokens) {
        if (source.text().length() > MAX_SOURCE_CHARS) {
            throw new ModelFormatException(source.place() + ": the chat template has "
                    + source.text().length() + " characters, expected at most " + MAX_SOURCE_CHARS);
        }
        try {
            return new JinjaChatTemplate(source.text(), Template.parse(source.text()), specialTokens);
        } catch (TemplateException e) {
            // The model can still complete texts.
            LOG.warn(
                    "{}: the chat template cannot be used: {}",
                    source.place(),
                    JsonFile.excerpt(String.valueOf(e.getMessage())));
            return refusing("The model's chat template cannot be used: "
                    + JsonFile.excerpt(String.valueOf(e.getMessage())) + ". Use /v1/completions.");
        }
    }

    private static ChatTemplate refusing(String message) {
        return new ChatTemplate() {
            @Override
            public String render(List<ChatMessage> messages, ChatRendering rendering) {
                throw ApiException.invalid("messages", message);
            }

            @Override
            public String source() {
                return "";
            }
        };
    }

    private static ChatTemplate absent(ModelFile config) {
        if (config.json().hasNonNull("chat_template")) {
            throw new ModelFormatException(
                    config.path() + ": chat_template is neither a text nor a list with a template named default");
        }
        return refusing("The model has no chat template. Use /v1/completions.");
    }

    /** One of the templates in a list; a text is the default. */
    private static Optional<String> named(JsonNode templates, String name) {
        if (templates.isTextual()) {
            return name.equals(DEFAULT) ? Optional.of(templates.textValue()) : Optional.empty();
        }
        for (JsonNode named : templates) {
            if (named.path("name").asText().equals(name)
                    && named.path("template").isTextual()) {
                return Optional.of(named.path("template").textValue());
            }
        }
        return Optional.empty();
    }

    @Override
    public String source() {
        return source;
    }

    @Override
    public String render(List<ChatMessage> messages, ChatRendering rendering) {
        String text = renderAll(messages, rendering);
        return rendering.continued() ? throughLast(messages, text) : text;
    }

    /** As transformers' continue_final_message: what the template writes behind the last message's text is left out. */
    private static String throughLast(List<ChatMessage> messages, String text) {
        String last = messages.get(messages.size() - 1).content().strip();
        int at = text.lastIndexOf(last);
        if (at < 0) {
            throw ApiException.invalid(
                    "continue_final_message",
                    "'continue_final_message': the model's chat template changes the last message's text.");
        }
        return text.substring(0, at + last.length());
    }

    private String renderAll(List<ChatMessage> messages, ChatRendering rendering) {
        Map<String, Object> variables = new HashMap<>();
        rendering
                .variables()
                .properties()
                .forEach(field -> variables.put(field.getKey(), TemplateValues.of(field.getValue())));
        variables.putAll(specialTokens.byName());
        variables.put("messages", messages.stream().map(TemplateValues::message).toList());
        variables.put("add_generation_prompt", rendering.generationPrompt());
        // Templates of HuggingFace may rely on these, which are None if there are none.
        variables.put(
                "tools",
                rendering.tools().isEmpty()
                        ? null
                        : rendering.tools().stream()
                                .map(tool -> TemplateValues.of(tool.json()))
                                .toList());
        variables.put("documents", null);
        try {
            return template.render(variables, Clock.system(ZoneId.systemDefault()));
        } catch (TemplateException.LimitExceeded e) {
            throw new ApiException(
                    400,
                    "invalid_request_error",
                    "messages",
                    "chat_template_limit",
                    "The model's chat template " + e.getMessage()
                            + " for these messages, which is more than it may. Send less, or use /v1/completions.");
        } catch (TemplateException.Refusal e) {
            throw ApiException.invalid("messages", "The model's chat template refuses the messages: " + reason(e));
        } catch (TemplateException e) {
            throw ApiException.invalid(
                    "messages", "The model's chat template cannot render the messages: " + reason(e));
        }
    }

    private static String reason(TemplateException failure) {
        return JsonFile.excerpt(String.valueOf(failure.getMessage()));
    }
}
