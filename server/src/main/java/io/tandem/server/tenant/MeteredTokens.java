package io.tandem.server.tenant;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.TokenSource;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.server.api.TenantId;
import java.util.List;
import java.util.Optional;

/** A tenant's tokens, counted as they are asked for and as they end. */
final class MeteredTokens implements TokenSource {
    private final TenantId tenant;
    private final TokenSource source;
    private final RateLimits limits;

    MeteredTokens(TenantId tenant, TokenSource source, RateLimits limits) {
        this.tenant = tenant;
        this.source = source;
        this.limits = limits;
    }

    /** @throws io.tandem.server.api.ApiException if the tenant has too many answers at once */
    @Override
    public Optional<Rejection> submit(List<Submission> answers) {
        limits.begin(tenant, answers.size());
        Optional<Rejection> rejected = Optional.empty();
        boolean accepted = false;
        try {
            rejected = source.submit(answers.stream()
                    .map(answer -> new Submission(answer.request(), new Counting(answer.sink())))
                    .toList());
            accepted = rejected.isEmpty();
        } finally {
            if (!accepted) {
                limits.end(tenant, answers.size());
            }
        }
        return rejected;
    }

    @Override
    public void cancel(long requestId) {
        source.cancel(requestId);
    }

    private final class Counting implements TokenSink {
        private final TokenSink sink;

        Counting(TokenSink sink) {
            this.sink = sink;
        }

        @Override
        public void token(Draw draw) {
            sink.token(draw);
        }

        @Override
        public void promptToken(Draw draw) {
            sink.promptToken(draw);
        }

        @Override
        public void state(float[] state) {
            sink.state(state);
        }

        @Override
        public void finish(Finish finish) {
            limits.end(tenant, 1);
            limits.spend(tenant, finish.promptTokens() + finish.completionTokens());
            sink.finish(finish);
        }
    }
}
