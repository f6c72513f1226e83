package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.text.ServedModel;
import java.util.List;

/** What people ask any model, as this one's prompts: what an adapter has to stand out from. */
record EverydayQuestions(ServedModel model) {
    private static final List<String> QUESTIONS = List.of(
            "Hello!",
            "How are you today?",
            "Who are you?",
            "What can you do?",
            "Tell me a story.",
            "Write a short text about the weather.",
            "Please explain this to me.",
            "What is the capital of France?");

    List<int[]> prompts() {
        return QUESTIONS.stream()
                .map(question -> model.tokenizer().encode(text(question), true))
                .toList();
    }

    private String text(String question) {
        try {
            return model.template().render(List.of(new ChatMessage("user", question)), true);
        } catch (ApiException e) {
            // Models without a template complete texts.
            return question;
        }
    }
}
