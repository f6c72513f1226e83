package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.ChatParams;
import io.tandem.server.api.OutputFormat;
import io.tandem.server.api.StructuredOutput;
import io.tandem.server.api.Tool;
import io.tandem.server.api.ToolChoice;
import io.tandem.server.config.ParserConfig;
import io.tandem.server.text.ChatTemplate;
import io.tandem.server.text.tools.AnswerParser;
import io.tandem.server.text.tools.ReasoningParser;
import io.tandem.server.text.tools.ToolSyntax;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How the served model writes tool calls and thoughts, by the configuration or by its chat template.
 *
 * @param templateKnowsTools whether the chat template shows tools to the model
 * @param tools how it calls them, if that is known
 * @param reasoning whether thoughts stand before its answers
 */
public record AnswerSyntax(boolean templateKnowsTools, Optional<ToolSyntax> tools, boolean reasoning) {
    public static AnswerSyntax of(ParserConfig config, ChatTemplate template) {
        String source = template.source();
        Optional<ToolSyntax> tools = switch (config.tools()) {
            case AUTO -> ToolSyntax.of(source);
            case NONE -> Optional.empty();
            default -> Optional.of(ToolSyntax.valueOf(config.tools().name().toUpperCase(Locale.ROOT)));
        };
        boolean reasoning = switch (config.reasoning()) {
            case AUTO -> source.contains(ReasoningParser.CLOSE) || source.contains(ReasoningParser.OPEN);
            case NONE -> false;
            case THINK -> true;
        };
        return new AnswerSyntax(template.knowsTools(), tools, reasoning);
    }

    /** What answers to one request are read for. @throws ApiException if the model cannot do what is asked for */
    Reading reading(ChatParams params) {
        ToolChoice choice = params.tools();
        if (!templateKnowsTools && params.messages().stream().anyMatch(ChatMessage::needsTools)) {
            throw refusal(params.field());
        }
        if (!choice.tools().isEmpty() && !templateKnowsTools) {
            throw refusal("tools");
        }
        if (!choice.tools().isEmpty() && tools.isEmpty()) {
            throw ApiException.unsupported(
                    "tools",
                    "'tools': it is not known how this model writes tool calls. Set tool-parser to hermes, llama3,"
                            + " mistral or mistral_args, or leave out 'tools'.");
        }
        boolean plain = choice.callable().isEmpty();
        return new Reading(
                choice,
                plain ? Optional.empty() : tools,
                reasoning && params.generation().structured().isEmpty());
    }

    private static ApiException refusal(String field) {
        return ApiException.unsupported(
                field,
                "'" + field + "' needs a model that was trained with tools; this model's chat template has none.");
    }

    /** For one request. */
    record Reading(ToolChoice choice, Optional<ToolSyntax> tools, boolean reasoning) {
        /** What the server writes of the answer before the model goes on. */
        String begun() {
            return choice.forced() ? tools.map(ToolSyntax::beginning).orElse("") : "";
        }

        /** The format of an answer that has to be a call. */
        Optional<StructuredOutput> calls() {
            return choice.forced() ? tools.map(this::calls) : Optional.empty();
        }

        private StructuredOutput calls(ToolSyntax syntax) {
            List<OutputFormat.Function> functions = choice.callable().stream()
                    .map(tool -> new OutputFormat.Function(tool.name(), tool.parameters()))
                    .toList();
            return new StructuredOutput(
                    "tools",
                    new OutputFormat.Calls(
                            functions,
                            choice.several() ? syntax.shape() : syntax.shape().single()));
        }

        /** @param prompt that the answer follows */
        AnswerParser.Settings behind(String prompt) {
            Set<String> names = choice.callable().stream().map(Tool::name).collect(Collectors.toSet());
            boolean thinks = reasoning && !choice.forced();
            return new AnswerParser.Settings(
                    thinks,
                    thinks && prompt.stripTrailing().endsWith(ReasoningParser.OPEN),
                    tools,
                    names,
                    choice.forced());
        }
    }
}
