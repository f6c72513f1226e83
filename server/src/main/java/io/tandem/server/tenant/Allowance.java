package io.tandem.server.tenant;

import io.tandem.server.api.ApiException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What a tenant has left of its quota at this moment. Safe from any thread. */
final class Allowance {
    private static final String LIMIT = "x-ratelimit-limit-";
    private static final String REMAINING = "x-ratelimit-remaining-";
    private static final String RESET = "x-ratelimit-reset-";

    private final MinuteBucket requests;
    private final MinuteBucket tokens;
    private long sequences;

    Allowance(long now) {
        requests = new MinuteBucket(now);
        tokens = new MinuteBucket(now);
    }

    /** Counts a request, unless there is nothing left for it. */
    synchronized RateLimits.Verdict admit(Quota quota, long now) {
        Optional<Refusal> refusal = refused("requests", requests, quota.requestsPerMinute(), now)
                .or(() -> refused("tokens", tokens, quota.tokensPerMinute(), now));
        @Nullable Long perMinute = quota.requestsPerMinute();
        if (refusal.isEmpty() && perMinute != null) {
            requests.take(1, perMinute, now);
        }
        Map<String, String> headers = new LinkedHashMap<>();
        describe(headers, "requests", requests, perMinute, now);
        describe(headers, "tokens", tokens, quota.tokensPerMinute(), now);
        refusal.ifPresent(refused -> headers.put(
                "Retry-After",
                Long.toString(Math.max(1, refused.delay().plusMillis(999).toSeconds()))));
        return new RateLimits.Verdict(headers, refusal.map(Refusal::error));
    }

    private record Refusal(ApiException error, Duration delay) {}

    private static Optional<Refusal> refused(String kind, MinuteBucket bucket, @Nullable Long limit, long now) {
        if (limit == null || bucket.left(limit, now) > 0) {
            return Optional.empty();
        }
        Duration wait = bucket.next(limit, now);
        return Optional.of(new Refusal(
                new ApiException(
                        429,
                        kind,
                        null,
                        "rate_limit_exceeded",
                        "Rate limit reached for this project: " + limit + " " + kind + " per minute. Try again in "
                                + shown(wait) + "."),
                wait));
    }

    private static void describe(
            Map<String, String> headers, String kind, MinuteBucket bucket, @Nullable Long limit, long now) {
        if (limit != null) {
            headers.put(LIMIT + kind, limit.toString());
            headers.put(REMAINING + kind, Long.toString(bucket.left(limit, now)));
            headers.put(RESET + kind, shown(bucket.reset(limit, now)));
        }
    }

    /** As OpenAI writes durations: {@code 820ms}, {@code 1.5s}, {@code 6m0s}. */
    static String shown(Duration duration) {
        if (duration.toMillis() < 1000) {
            return duration.toMillis() + "ms";
        }
        String seconds = duration.toMillisPart() == 0
                ? duration.toSecondsPart() + "s"
                : (duration.toSecondsPart() * 1000 + duration.toMillisPart()) / 1000.0 + "s";
        return duration.toMinutes() == 0 ? seconds : duration.toMinutes() + "m" + seconds;
    }

    /** Begins so many answers. @throws ApiException if that were too many at once; nothing has changed then */
    synchronized void begin(Quota quota, int answers) {
        @Nullable Long most = quota.concurrentSequences();
        if (most != null && sequences + answers > most) {
            throw new ApiException(
                    429,
                    "requests",
                    null,
                    "rate_limit_exceeded",
                    "This project may have " + most + " answers at once, " + sequences
                            + " are not finished, and the request asks for " + answers + ".");
        }
        sequences += answers;
    }

    synchronized void end(int answers) {
        sequences -= answers;
    }

    /** An answer has ended with so many tokens. */
    synchronized void spend(Quota quota, long spent, long now) {
        @Nullable Long perMinute = quota.tokensPerMinute();
        if (perMinute != null) {
            tokens.take(spent, perMinute, now);
        }
    }
}
