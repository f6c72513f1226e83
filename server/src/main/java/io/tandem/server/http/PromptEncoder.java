package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.ChatRendering;
import io.tandem.server.api.CompletionParams.Prompt;
import io.tandem.server.api.Utf8;
import io.tandem.server.text.ServedModel;
import java.util.List;

/** Prompts of requests as tokens. What it does takes as long as texts are long, so not on an event loop. */
record PromptEncoder(ServedModel model) {
    /**
     * @param addSpecialTokens whether a text begins with the tokens that the tokenizer puts there
     * @param field of the request that has it
     */
    int[] tokens(Prompt prompt, boolean addSpecialTokens, String field) {
        if (prompt instanceof Prompt.Text text) {
            int[] tokens = tokens(text.text(), field);
            return addSpecialTokens ? model.tokenizer().begin(tokens) : tokens;
        }
        return ((Prompt.Tokens) prompt).ids();
    }

    /**
     * The text of a chat.
     *
     * @param field of the request that has the messages
     */
    String text(List<ChatMessage> messages, ChatRendering rendering, String field) {
        requireRoom(
                messages.stream()
                        .mapToLong(message -> Utf8.length(message.content()))
                        .sum(),
                field);
        return model.template().render(messages, rendering);
    }

    /** @param field of the request that has the text */
    int[] tokens(String text, String field) {
        requireRoom(Utf8.length(text), field);
        return model.tokenizer().encode(text, true);
    }

    /** Refuses what cannot fit however it is tokenized, because tokenizing it would take long. */
    private void requireRoom(long bytes, String field) {
        int context = model.contextTokens();
        long most = model.tokenizer().maxBytes(context);
        if (bytes > most) {
            throw new ApiException(
                    400,
                    "invalid_request_error",
                    field,
                    "context_length_exceeded",
                    "'" + field + "' has " + bytes + " bytes of text, but this model's maximum context length of "
                            + context + " tokens (kernels.context-tokens) holds at most " + most + ". Send less.");
        }
    }
}
