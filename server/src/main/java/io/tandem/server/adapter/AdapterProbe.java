package io.tandem.server.adapter;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.scheduler.TokenSource;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.SamplingParams.Penalties;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.inference.TokenSink;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Whether an adapter makes a difference where it counts: the first token behind a fixed prompt, with its invocation at the
 * end if it has one, is drawn with and without it, through the engine like every request, and the log-probabilities of the
 * likely tokens are compared.
 */
public final class AdapterProbe {
    private static final int COMPARED_TOKENS = 20;
    private static final SamplingParams GREEDY =
            new SamplingParams(0, 0, 1, 0, 0, Penalties.NONE, Map.of(), COMPARED_TOKENS);

    private final TokenSource engine;
    private final AtomicLong nextRequestId;
    private final int[] prompt;

    /** @param prompt tokens; any text does */
    public AdapterProbe(TokenSource engine, AtomicLong nextRequestId, int[] prompt) {
        this.engine = engine;
        this.nextRequestId = nextRequestId;
        this.prompt = prompt.clone();
    }

    /**
     * The largest difference that a stack makes to the base model's log-probabilities, over the tokens that are likely with and
     * without it. In bfloat16 a small change may not show; empty if the engine had no place for the question.
     *
     * @return fails with an {@link AdapterFormatException} if the device cannot answer with the stack
     */
    public CompletableFuture<OptionalDouble> difference(List<AdapterVersion> stack) {
        int[] text = IntStream.concat(Arrays.stream(prompt), stack.stream().flatMapToInt(AdapterProbe::invocation))
                .toArray();
        return ask(text, List.of()).thenCombine(ask(text, stack), AdapterProbe::difference);
    }

    private static IntStream invocation(AdapterVersion version) {
        return version.adapter().invocation().stream()
                .flatMapToInt(invocation -> invocation.tokens().stream().mapToInt(token -> token));
    }

    private static OptionalDouble difference(Optional<Draw> base, Optional<Draw> adapted) {
        if (base.isEmpty() || adapted.isEmpty()) {
            return OptionalDouble.empty();
        }
        Map<Integer, Float> known = new HashMap<>();
        for (int i = 0; i < base.get().topTokens().length; i++) {
            known.put(base.get().topTokens()[i], base.get().topLogprobs()[i]);
        }
        Draw other = adapted.get();
        double largest = 0;
        for (int i = 0; i < other.topTokens().length; i++) {
            Float logprob = known.get(other.topTokens()[i]);
            // A token that was not likely before lost at least what the last likely one had more.
            double before =
                    logprob == null ? base.get().topLogprobs()[base.get().topLogprobs().length - 1] : logprob;
            largest = Math.max(largest, Math.abs(other.topLogprobs()[i] - before));
        }
        return OptionalDouble.of(largest);
    }

    private CompletableFuture<Optional<Draw>> ask(int[] text, List<AdapterVersion> adapters) {
        CompletableFuture<Optional<Draw>> answer = new CompletableFuture<>();
        InferenceRequest request = new InferenceRequest(
                nextRequestId.getAndIncrement(),
                InferenceRequest.SHARED_CALLER,
                text,
                1,
                adapters,
                GREEDY,
                StopRule.NONE);
        TokenSink sink = new TokenSink() {
            private @Nullable Draw first;

            @Override
            public void promptToken(Draw draw) {}

            @Override
            public void token(Draw draw) {
                first = draw;
            }

            @Override
            public void state(float[] state) {}

            @Override
            public void finish(Finish finish) {
                // The engine's thread only hands over.
                boolean failed = finish.reason() == FinishReason.FAILED || finish.reason() == FinishReason.SHUT_DOWN;
                Optional<Draw> drawn = failed ? Optional.empty() : Optional.ofNullable(first);
                answer.completeAsync(() -> {
                    if (finish.reason() == FinishReason.BROKEN_ADAPTER) {
                        throw new AdapterFormatException(finish.message());
                    }
                    return drawn;
                });
            }
        };
        if (engine.submit(request, sink).isPresent()) {
            answer.complete(Optional.empty());
        }
        return answer;
    }
}
