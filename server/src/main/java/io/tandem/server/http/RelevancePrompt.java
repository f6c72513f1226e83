package io.tandem.server.http;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.SamplingParams.Penalties;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.api.ChatRendering;
import io.tandem.server.api.RankingParams.Pair;
import io.tandem.server.http.Gathering.Reply;
import io.tandem.server.text.ServedModel;
import java.util.List;
import java.util.Map;

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
    record Question(int[] prompt, int yes, int no) {
        /** Added to both answers, so that they are the most likely tokens, and their difference is the model's. */
        private static final float LIFT = 100;

        InferenceRequest request(long id, String user, List<AdapterVersion> adapters) {
            SamplingParams sampling = new SamplingParams(0, 0, 1, 0, 0, Penalties.NONE, Map.of(yes, LIFT, no, LIFT), 2);
            return new InferenceRequest(id, user, prompt, 1, adapters, sampling, StopRule.NONE);
        }

        Judgement judgement(Reply reply) {
            Draw draw = reply.draw().orElseThrow();
            double difference = (double) logprob(draw, no) - logprob(draw, yes);
            return new Judgement(1 / (1 + Math.exp(difference)), reply.promptTokens());
        }

        private static float logprob(Draw draw, int token) {
            for (int i = 0; i < draw.topTokens().length; i++) {
                if (draw.topTokens()[i] == token) {
                    return draw.topLogprobs()[i];
                }
            }
            throw new IllegalStateException("token " + token + " is not among the most likely");
        }
    }

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
        String rendered = prompts.text(messages, ChatRendering.of(List.of(), true), field);
        int[] prompt = prompts.tokens(rendered, field);
        int yes = model.tokenizer().encodeBehind(rendered, YES)[0];
        int no = model.tokenizer().encodeBehind(rendered, NO)[0];
        if (yes == no) {
            throw ApiException.unsupported(
                    "model",
                    "'model': the answers '" + YES + "' and '" + NO + "' begin with the same token of its tokenizer.");
        }
        return new Question(prompt, yes, no);
    }
}
