package io.tandem.server.api;

import io.tandem.server.api.CompletionParams.Prompt;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A checked body of {@code POST /tokenize}, in vLLM's shape or, with {@code content}, in llama.cpp's.
 *
 * @param prompt to tokenize; empty if there are messages
 * @param messages to render and tokenize
 * @param addSpecialTokens whether a prompt begins with the tokens that the tokenizer puts there
 * @param rendering how the messages become text
 * @param tokenTexts whether each token's text is wanted too
 */
public record TokenizeParams(
        Optional<Prompt> prompt,
        List<ChatMessage> messages,
        boolean addSpecialTokens,
        ChatRendering rendering,
        boolean tokenTexts) {
    private static final Set<String> KNOWN = Set.of(
            "model",
            "prompt",
            "messages",
            "content",
            "add_special_tokens",
            "add_special",
            "add_generation_prompt",
            "continue_final_message",
            "chat_template_kwargs",
            "tools",
            "return_token_strs");

    public static TokenizeParams read(JsonBody body, RequestBounds bounds) {
        body.rejectUnknown(KNOWN);
        body.optionalString("model", GenerationParams.MODEL_CHARS_MAX);
        boolean texts = body.optionalBoolean("return_token_strs", false);
        if (body.find("messages") != null) {
            List<ChatMessage> messages = ChatParams.messages(body, new ArrayList<>());
            ChatRendering rendering = ChatRendering.read(body, messages, Tool.read(body));
            return new TokenizeParams(Optional.empty(), messages, false, rendering, texts);
        }
        Optional<String> content = body.optionalString("content", Integer.MAX_VALUE);
        if (content.isPresent()) {
            boolean add = body.optionalBoolean("add_special", false);
            return new TokenizeParams(
                    Optional.of(new Prompt.Text(content.get())),
                    List.of(),
                    add,
                    ChatRendering.of(List.of(), true),
                    texts);
        }
        List<Prompt> prompts = CompletionParams.prompts(body, "prompt", bounds.vocab());
        if (prompts.size() > 1 || !(prompts.get(0) instanceof Prompt.Text)) {
            throw body.invalid("prompt", "must be a string.");
        }
        boolean add = body.optionalBoolean("add_special_tokens", true);
        return new TokenizeParams(
                Optional.of(prompts.get(0)), List.of(), add, ChatRendering.of(List.of(), true), texts);
    }
}
