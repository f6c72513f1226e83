package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.RankingParams.Pair;
import io.tandem.server.text.ServedModel;
import java.util.List;

/**
 * Asks a chat model whether a document answers a query. The first token of its answer is what counts, as for monoT5
 * (Nogueira et al., arXiv 2003.06713): a fine-tuning job with such chats, answered by yes and no, makes a ranking adapter.
 */
final class RelevancePrompt {
    static final String YES = "yes";
    static final String NO = "no";

    private final ServedModel model;
    private final PromptEncoder prompts;

    /**
     * A prompt, and the tokens that the two answers begin with.
     *
     * @param prompt ids
     */
    record Question(int[] prompt, int yes, int no) {}

    RelevancePrompt(ServedModel model) {
        this.model = model;
        this.prompts = new PromptEncoder(model);
    }

    /** What the user says. */
    static String text(Pair pair) {
        return "Query: " + pair.query() + "\nDocument: " + pair.document()
                + "\nDoes the document answer the query? Answer yes or no.";
    }

    /**
     * @param field of the request that has the document
     * @throws ApiException if the pair is too long, or the model's tokenizer cannot tell the answers by their first token
     */
    Question question(Pair pair, String field) {
        List<ChatMessage> messages = List.of(new ChatMessage("user", text(pair)));
        int[] prompt = prompts.tokens(messages, true, field);
        String rendered = model.template().render(messages, true);
        int yes = model.tokenizer().encodeBehind(rendered, YES)[0];
        int no = model.tokenizer().encodeBehind(rendered, NO)[0];
        if (yes == no) {
            throw ApiException.unsupported(
                    "model", "'model': the answers '" + YES + "' and '" + NO + "' begin with the same token of its tokenizer.");
        }
        return new Question(prompt, yes, no);
    }
}
