package io.tandem.server.tenant;

import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.TokenSource;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.inference.ForwardingTokenSink;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.server.api.TenantId;
import io.tandem.server.tenant.Usage.Counts;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** A tenant's tokens, counted as they are asked for and as they end. */
final class MeteredTokens implements TokenSource {
    /** Longer than any name of one adapter. */
    private static final int NAME_CHARS_MAX = 200;

    private final TenantId tenant;
    private final TokenSource source;
    private final String base;
    private final RateLimits limits;
    private final Usage usage;

    /** @param base name of the base model */
    MeteredTokens(TenantId tenant, TokenSource source, String base, RateLimits limits, Usage usage) {
        this.tenant = tenant;
        this.source = source;
        this.base = base;
        this.limits = limits;
        this.usage = usage;
    }

    /** @throws io.tandem.server.api.ApiException if the tenant has too many answers at once */
    @Override
    public Optional<Rejection> submit(List<Submission> answers) {
        limits.begin(tenant, answers.size());
        Optional<Rejection> rejected = Optional.empty();
        boolean accepted = false;
        try {
            rejected = source.submit(answers.stream()
                    .map(answer -> new Submission(answer.request().inDomain(tenant.value()), new Counting(answer)))
                    .toList());
            accepted = rejected.isEmpty();
            if (accepted) {
                usage.add(tenant, model(answers.get(0).request()), new Counts(1, 0, 0, 0, 0));
            }
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

    private String model(InferenceRequest request) {
        String names = request.adapters().stream().map(AdapterVersion::name).collect(Collectors.joining("+"));
        return names.isEmpty() ? base : names.substring(0, Math.min(names.length(), NAME_CHARS_MAX));
    }

    private final class Counting extends ForwardingTokenSink {
        private final String model;

        Counting(Submission answer) {
            super(answer.sink());
            this.model = model(answer.request());
        }

        @Override
        public void finish(Finish finish) {
            limits.end(tenant, 1);
            limits.spend(tenant, finish.promptTokens() + finish.completionTokens());
            usage.add(
                    tenant,
                    model,
                    new Counts(0, finish.promptTokens(), finish.cachedTokens(), finish.completionTokens(), 0));
            super.finish(finish);
        }
    }
}
