package io.tandem.server.http;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.TokenSource;
import io.tandem.scheduler.TokenSource.Submission;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.InferenceRequest.Options;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.TokenConstraint;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.GenerationParams;
import io.tandem.server.tenant.Principal;
import io.tandem.server.tenant.RateLimits;
import io.tandem.server.text.ServedModel;
import io.vertx.core.Context;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * All answers to one HTTP request: each is a request of its own to the engine. What the engine says arrives on the
 * engine thread and is passed on to the HTTP request's event loop, to which everything here belongs.
 */
final class Generation {
    /** Where the answers go. */
    interface Listener {
        /** An answer has more text, or has ended, or both. */
        void progress(Choice choice, String delta);

        /** All answers have ended. */
        void done();

        /** Nothing was begun. */
        void refused(Rejection rejection);

        /** Nothing more will come. */
        void failed(ApiException error);
    }

    /** What all requests share. */
    record Source(TokenSource tokens, ServedModel model, AtomicLong nextRequestId, RateLimits limits) {
        /** The same for a caller, whose tokens are counted. */
        Source of(Principal caller) {
            return new Source(limits.metered(caller.tenant(), tokens, model.name()), model, nextRequestId, limits);
        }
    }

    private final Source source;
    private final Context context;
    private final Listener listener;
    private final Set<String> shownTokens;
    private final List<Choice> choices = new ArrayList<>();
    private int open;
    private boolean over;

    /** @param shownTokens names of special tokens that are part of the answers' texts */
    Generation(Source source, Context context, Listener listener, Set<String> shownTokens) {
        this.source = source;
        this.context = context;
        this.listener = listener;
        this.shownTokens = shownTokens;
    }

    /**
     * Starts answers to each prompt, all or none.
     *
     * @param account on which they are sampled
     * @param count of answers to one prompt; the best {@code n} of them are wanted
     * @param constraints a new one for each answer, if there are any
     */
    void start(
            String account,
            List<EncodedPrompt> prompts,
            GenerationParams params,
            int count,
            List<AdapterVersion> adapters,
            Optional<Supplier<TokenConstraint>> constraints) {
        List<Submission> answers = new ArrayList<>();
        for (int prompt = 0; prompt < prompts.size(); prompt++) {
            for (int i = 0; i < count; i++) {
                Choice choice = new Choice(
                        choices.size(),
                        prompt,
                        source.nextRequestId().getAndIncrement(),
                        prompts.get(prompt),
                        source.model().tokenizer().detokenizer(params.output().skipSpecialTokens(), shownTokens),
                        params);
                choices.add(choice);
                SamplingParams sampling = sampling(params, i, count > params.n());
                Options options =
                        new Options(promptLogprobs(choice, params), params.priority(), constraints.map(Supplier::get));
                answers.add(
                        new Submission(request(account, choice, params, adapters, sampling, options), sink(choice)));
            }
        }
        open = answers.size();
        source.tokens().submit(answers).ifPresent(refused -> {
            over = true;
            listener.refused(refused);
        });
    }

    /**
     * @param copy number of the answer among those to one prompt
     * @param ranked whether the answer's probability is needed, wanted or not
     */
    private static SamplingParams sampling(GenerationParams params, int copy, boolean ranked) {
        long seed = params.seed().isPresent()
                ? params.seed().getAsLong() + copy
                : ThreadLocalRandom.current().nextLong();
        SamplingParams sampling = params.sampling().withSeed(seed);
        return ranked ? sampling.withLogprob() : sampling;
    }

    private InferenceRequest request(
            String account,
            Choice choice,
            GenerationParams params,
            List<AdapterVersion> adapters,
            SamplingParams sampling,
            Options options) {
        return new InferenceRequest(
                choice.requestId(),
                account,
                choice.prompt().tokens(),
                params.maxTokens().orElse(Integer.MAX_VALUE),
                adapters,
                sampling,
                params.stop().rule(source.model().stopTokens()),
                options);
    }

    private static int promptLogprobs(Choice choice, GenerationParams params) {
        int echoed = choice.prompt().echo().isEmpty() ? -1 : params.sampling().topLogprobs();
        return Math.max(echoed, params.output().promptLogprobs());
    }

    private TokenSink sink(Choice choice) {
        return new TokenSink() {
            @Override
            public void promptToken(Draw draw) {
                context.runOnContext(ignored -> choice.acceptPrompt(draw));
            }

            @Override
            public void token(Draw draw) {
                context.runOnContext(ignored -> accept(choice, draw));
            }

            @Override
            public void state(float[] state) {}

            @Override
            public void finish(Finish finish) {
                context.runOnContext(ignored -> end(choice, finish));
            }
        };
    }

    private void accept(Choice choice, Draw draw) {
        if (over || choice.stopped()) {
            return;
        }
        String delta = choice.accept(draw);
        if (choice.stopped()) {
            source.tokens().cancel(choice.requestId());
        }
        // Whoever asked for log-probabilities gets each token's even while its text is held back.
        boolean scored = !Float.isNaN(draw.logprob());
        if (!delta.isEmpty() || scored) {
            listener.progress(choice, delta);
        }
    }

    private void end(Choice choice, TokenSink.Finish finish) {
        if (over) {
            return;
        }
        Optional<ApiException> failure = ErrorMapper.failure(finish);
        if (failure.isPresent()) {
            cancel();
            listener.failed(failure.get());
            return;
        }
        listener.progress(choice, choice.end(finish));
        open--;
        if (open == 0) {
            over = true;
            listener.done();
        }
    }

    List<Choice> choices() {
        return choices;
    }

    /** The answers with the highest mean log-probability, this many to each prompt, in the order of their beginning. */
    List<Choice> best(int n) {
        return choices.stream()
                .collect(Collectors.groupingBy(Choice::promptIndex, TreeMap::new, Collectors.toList()))
                .values()
                .stream()
                .flatMap(same -> same.size() == n
                        ? same.stream()
                        : same.stream()
                                .sorted(Comparator.comparingDouble(choice -> -choice.meanLogprob()))
                                .limit(n))
                .toList();
    }

    /** Ends all answers; the listener hears nothing more. */
    void cancel() {
        if (over) {
            return;
        }
        over = true;
        choices.forEach(choice -> source.tokens().cancel(choice.requestId()));
    }
}
