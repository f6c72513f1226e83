package io.tandem.server.http;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.TokenSource.Submission;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.server.api.ApiException;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The replies to several requests to the engine that one HTTP request makes, each with one token or state. It belongs to
 * the HTTP request's event loop, and ends when the client leaves.
 */
final class Gathering {
    private final Generation.Source source;
    private final Context context;
    private final String field;
    private final Promise<List<Reply>> promise = Promise.promise();
    private final SortedMap<Integer, Reply> replies = new TreeMap<>();
    private List<InferenceRequest> requests = List.of();
    private boolean over;

    /**
     * What the engine says.
     *
     * @param draw the first token
     * @param state of the prompt's last token
     * @param observed what layers got of the prompt's last tokens
     */
    record Reply(Optional<Draw> draw, float[] state, float[] observed, int promptTokens) {}

    /** @param field of the HTTP request that has the prompts */
    Gathering(Generation.Source source, Exchange exchange, String field) {
        this.source = source;
        this.context = exchange.loop();
        this.field = field;
        exchange.whenGone(this::cancel);
    }

    /** Starts all or none; the replies come in the order of the requests. */
    Future<List<Reply>> start(List<InferenceRequest> all) {
        requests = all;
        List<Submission> submissions = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            submissions.add(new Submission(all.get(i), sink(i)));
        }
        source.tokens().submit(submissions).ifPresent(refused -> {
            over = true;
            promise.fail(ErrorMapper.refusal(refused, field, source.model()));
        });
        return promise.future();
    }

    private TokenSink sink(int index) {
        return new TokenSink() {
            private @Nullable Draw first;
            private float[] last = new float[0];
            private final List<float[]> observed = new ArrayList<>();

            @Override
            public void promptToken(Draw draw) {}

            @Override
            public void token(Draw draw) {
                first = draw;
            }

            @Override
            public void observed(float[] inputs) {
                observed.add(inputs);
            }

            @Override
            public void state(float[] state) {
                last = state;
            }

            @Override
            public void finish(Finish finish) {
                Reply reply = new Reply(Optional.ofNullable(first), last, joined(observed), finish.promptTokens());
                context.runOnContext(ignored -> end(index, reply, ErrorMapper.failure(finish)));
            }
        };
    }

    private static float[] joined(List<float[]> parts) {
        FloatBuffer all = FloatBuffer.allocate(
                parts.stream().mapToInt(part -> part.length).sum());
        parts.forEach(all::put);
        return all.array();
    }

    private void end(int index, Reply reply, Optional<ApiException> failure) {
        if (over) {
            return;
        }
        if (failure.isPresent()) {
            cancel();
            promise.fail(failure.get());
            return;
        }
        replies.put(index, reply);
        if (replies.size() == requests.size()) {
            over = true;
            promise.complete(List.copyOf(replies.values()));
        }
    }

    private void cancel() {
        if (!over) {
            over = true;
            requests.forEach(request -> source.tokens().cancel(request.id()));
        }
    }
}
