package io.tandem.server.http;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.TokenSource.Submission;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.SamplingParams.Penalties;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.server.api.ApiException;
import io.tandem.server.http.RelevancePrompt.Question;
import io.vertx.core.Context;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * All questions of one HTTP request, each a request of its own to the engine. It belongs to the HTTP request's event loop.
 */
final class Judgements {
    /** Added to both answers, so that they are the most likely tokens, and their difference is the model's. */
    private static final float LIFT = 100;

    /** Where they go. */
    interface Listener {
        void done(List<Judgement> results);

        /** Nothing was begun. */
        void refused(Rejection rejection);

        void failed(ApiException error);
    }

    private final Generation.Source source;
    private final Context context;
    private final Listener listener;
    private final List<Long> ids = new ArrayList<>();
    private final SortedMap<Integer, Judgement> results = new TreeMap<>();
    private boolean over;

    Judgements(Generation.Source source, Context context, Listener listener) {
        this.source = source;
        this.context = context;
        this.listener = listener;
    }

    void start(List<Question> questions, String user, List<AdapterVersion> adapters) {
        List<Submission> submissions = new ArrayList<>();
        for (int i = 0; i < questions.size(); i++) {
            Question question = questions.get(i);
            long id = source.nextRequestId().getAndIncrement();
            ids.add(id);
            Map<Integer, Float> lifted = Map.of(question.yes(), LIFT, question.no(), LIFT);
            InferenceRequest request = new InferenceRequest(
                    id,
                    user,
                    question.prompt(),
                    1,
                    adapters,
                    new SamplingParams(0, 0, 1, 0, 0, Penalties.NONE, lifted, 2),
                    StopRule.NONE);
            submissions.add(new Submission(request, sink(i, question)));
        }
        source.tokens().submit(submissions).ifPresent(refused -> {
            over = true;
            listener.refused(refused);
        });
    }

    private TokenSink sink(int index, Question question) {
        return new TokenSink() {
            private @Nullable Draw answer;

            @Override
            public void promptToken(Draw draw) {}

            @Override
            public void token(Draw draw) {
                answer = draw;
            }

            @Override
            public void finish(Finish finish) {
                Optional<Draw> drawn = Optional.ofNullable(answer);
                context.runOnContext(ignored -> end(index, question, drawn, finish));
            }
        };
    }

    private void end(int index, Question question, Optional<Draw> drawn, TokenSink.Finish finish) {
        if (over) {
            return;
        }
        Optional<ApiException> failure = ErrorMapper.failure(finish);
        if (failure.isPresent() || drawn.isEmpty()) {
            cancel();
            failure.ifPresent(listener::failed);
            return;
        }
        results.put(index, new Judgement(probability(drawn.get(), question), finish.promptTokens()));
        if (results.size() == ids.size()) {
            over = true;
            listener.done(List.copyOf(results.values()));
        }
    }

    private static double probability(Draw draw, Question question) {
        int yes = place(draw, question.yes());
        int no = place(draw, question.no());
        return 1 / (1 + Math.exp((double) draw.topLogprobs()[no] - draw.topLogprobs()[yes]));
    }

    private static int place(Draw draw, int token) {
        return Arrays.stream(draw.topTokens()).boxed().toList().indexOf(token);
    }

    /** Ends all; the listener hears nothing more. */
    void cancel() {
        if (!over) {
            over = true;
            ids.forEach(source.tokens()::cancel);
        }
    }
}
