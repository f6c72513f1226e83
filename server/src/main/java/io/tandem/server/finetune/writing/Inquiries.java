package io.tandem.server.finetune.writing;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.InferenceRequest.Options;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.server.api.ApiException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Questions to the engine of a thread that waits for the answers: it handles them one after the other, and may ask more
 * meanwhile. What a quota refuses for now is asked again until it is not. For that thread, whose interruption ends all.
 */
final class Inquiries implements AutoCloseable {
    private static final int TOO_MANY = 429;
    private static final long AGAIN_MILLIS = 1000;
    /** A question that the device fails at so often is given up. */
    private static final int ATTEMPTS_MAX = 3;

    private static final int AT_ONCE = 32;

    private final WritingSource source;
    private final String account;
    private final BlockingQueue<Reply> replies = new LinkedBlockingQueue<>();
    private final Map<Long, Question> open = new HashMap<>();
    private final List<Question> refused = new ArrayList<>();

    Inquiries(WritingSource source, String account) {
        this.source = source;
        this.account = account;
    }

    /**
     * What is asked.
     *
     * @param adapters that answer together
     * @param then gets the answer
     */
    private record Question(
            int[] prompt,
            int maxTokens,
            List<AdapterVersion> adapters,
            SamplingParams sampling,
            StopRule stop,
            Options options,
            Consumer<Reply> then,
            int attempts) {
        Question again() {
            return new Question(prompt, maxTokens, adapters, sampling, stop, options, then, attempts + 1);
        }
    }

    /**
     * What the engine says.
     *
     * @param prompt draws of its tokens, from the second one on, if they were asked for
     * @param answer its tokens
     */
    record Reply(long id, List<Draw> prompt, List<Draw> answer, TokenSink.Finish finish) {}

    /** Asks for an answer. */
    void ask(
            int[] prompt,
            int maxTokens,
            List<AdapterVersion> adapters,
            SamplingParams sampling,
            StopRule stop,
            Consumer<Reply> then) {
        submit(new Question(prompt, maxTokens, adapters, sampling, stop, Options.NONE, then, 1));
    }

    /** Asks how likely each token of a text is. */
    void weigh(int[] text, List<AdapterVersion> adapters, Consumer<Reply> then) {
        Options likelihoods = new Options(0, 0, Options.NONE.constraint());
        submit(new Question(text, 1, adapters, SamplingParams.GREEDY, StopRule.NONE, likelihoods, then, 1));
    }

    /** Handles answers until one more question may be asked. */
    void awaitRoom() throws InterruptedException {
        while (unanswered() >= Math.min(AT_ONCE, source.atOnce().getAsInt())) {
            handleNext();
        }
    }

    /** Handles answers until there is no question left. */
    void awaitAll() throws InterruptedException {
        while (unanswered() > 0) {
            handleNext();
        }
    }

    private int unanswered() {
        return open.size() + refused.size();
    }

    private void submit(Question question) {
        long id = source.nextRequestId().getAndIncrement();
        InferenceRequest request = new InferenceRequest(
                id,
                account,
                question.prompt,
                question.maxTokens,
                question.adapters,
                question.sampling,
                question.stop,
                question.options);
        try {
            source.tokens().submit(request, new Collecting(id)).ifPresent(rejection -> {
                throw failure(rejection);
            });
            open.put(id, question);
        } catch (ApiException e) {
            if (e.status() != TOO_MANY) {
                throw e;
            }
            refused.add(question);
        }
    }

    private static RuntimeException failure(Rejection rejection) {
        return switch (rejection.reason()) {
            case SHUTTING_DOWN -> new RejectedExecutionException(rejection.message());
            case QUEUE_FULL -> ApiException.tooMany(rejection.message());
            default -> ApiException.invalid("training_file", "an example cannot be written: " + rejection.message());
        };
    }

    /** Handles the next answer, for which there must be a question. */
    private void handleNext() throws InterruptedException {
        @Nullable Reply reply = null;
        while (reply == null) {
            reply = refused.isEmpty() ? replies.take() : replies.poll(AGAIN_MILLIS, TimeUnit.MILLISECONDS);
            if (reply == null) {
                List<Question> again = List.copyOf(refused);
                refused.clear();
                again.forEach(this::submit);
            }
        }
        handle(reply);
    }

    private void handle(Reply reply) {
        Question question = open.remove(reply.id());
        if (question == null) {
            throw new IllegalStateException("nobody asked " + reply.id());
        }
        switch (reply.finish().reason()) {
            case STOP, LENGTH -> question.then.accept(reply);
            case CANCELLED, DISPLACED, SHUT_DOWN ->
                throw new RejectedExecutionException(reply.finish().message());
            case BROKEN_ADAPTER, BROKEN_CONSTRAINT ->
                throw ApiException.invalid(
                        "training_file",
                        "what was learned cannot write: " + reply.finish().message());
            case FAILED -> {
                if (question.attempts == ATTEMPTS_MAX) {
                    throw new UnansweredException("one of them failed " + ATTEMPTS_MAX + " times: "
                            + reply.finish().message());
                }
                submit(question.again());
            }
        }
    }

    /** Takes back what has no answer. */
    @Override
    public void close() {
        open.keySet().forEach(source.tokens()::cancel);
    }

    /** On the engine's thread, which only hands over. */
    private final class Collecting implements TokenSink {
        private final long id;
        private final List<Draw> prompt = new ArrayList<>();
        private final List<Draw> answer = new ArrayList<>();

        Collecting(long id) {
            this.id = id;
        }

        @Override
        public void token(Draw draw) {
            answer.add(draw);
        }

        @Override
        public void promptToken(Draw draw) {
            prompt.add(draw);
        }

        @Override
        public void state(float[] state) {}

        @Override
        public void finish(Finish finish) {
            replies.add(new Reply(id, prompt, answer, finish));
        }
    }
}
