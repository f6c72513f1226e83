package io.tandem.server.tenant;

import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.TokenSource;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.TenantId;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Holds what tenants ask of the model against their quotas. In memory: a restart begins with full allowances. */
public final class RateLimits {
    private static final int PARTS = 4;

    private final Function<TenantId, Quota> quotas;
    private final Usage usage;
    private final Clock clock;
    private final Map<TenantId, Allowance> allowances = new ConcurrentHashMap<>();

    public RateLimits(Function<TenantId, Quota> quotas, Usage usage, Clock clock) {
        this.quotas = quotas;
        this.usage = usage;
        this.clock = clock;
    }

    /**
     * What becomes of a request.
     *
     * @param headers of its answer, OpenAI's {@code x-ratelimit-*}; none without a limit
     * @param refusal if nothing is left
     */
    public record Verdict(Map<String, String> headers, Optional<ApiException> refusal) {}

    /** Counts a request to the model. */
    public Verdict admit(TenantId tenant) {
        return allowance(tenant).admit(quotas.apply(tenant), clock.millis());
    }

    /**
     * The same source for a tenant, whose answers and tokens are counted.
     *
     * @param base name of the base model
     */
    public TokenSource metered(TenantId tenant, TokenSource source, String base) {
        return new MeteredTokens(tenant, source, base, this, usage);
    }

    /** The same for what the server asks on a tenant's behalf: each request is admitted too, or its refusal thrown. */
    public TokenSource admitted(TenantId tenant, TokenSource source, String base) {
        TokenSource metered = metered(tenant, source, base);
        return new TokenSource() {
            @Override
            public Optional<Rejection> submit(List<Submission> answers) {
                admit(tenant).refusal().ifPresent(refusal -> {
                    throw refusal;
                });
                return metered.submit(answers);
            }

            @Override
            public void cancel(long requestId) {
                metered.cancel(requestId);
            }
        };
    }

    /**
     * Answers that the server may wait for at once on a tenant's behalf: a quarter of those that the tenant may have, so that
     * its own requests find room, but at least one.
     */
    public int atOnce(TenantId tenant) {
        @Nullable Long sequences = quotas.apply(tenant).concurrentSequences();
        return sequences == null
                ? Integer.MAX_VALUE
                : (int) Math.min(Integer.MAX_VALUE, Math.max(1, sequences / PARTS));
    }

    void begin(TenantId tenant, int answers) {
        allowance(tenant).begin(quotas.apply(tenant), answers);
    }

    void end(TenantId tenant, int answers) {
        allowance(tenant).end(answers);
    }

    void spend(TenantId tenant, long tokens) {
        allowance(tenant).spend(quotas.apply(tenant), tokens, clock.millis());
    }

    private Allowance allowance(TenantId tenant) {
        return allowances.computeIfAbsent(tenant, owner -> new Allowance(clock.millis()));
    }
}
