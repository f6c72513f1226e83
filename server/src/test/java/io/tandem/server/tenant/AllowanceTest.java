package io.tandem.server.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.api.ApiException;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AllowanceTest {
    private static final Quota SIX = new Quota(6L, null, 3L, null, null, null, 1);
    private final Allowance allowance = new Allowance(0);

    @Test
    void aMinutesWorthCanBeHadAtOnceAndComesBackEvenly() {
        for (int i = 5; i >= 0; i--) {
            RateLimits.Verdict verdict = allowance.admit(SIX, 0);
            assertThat(verdict.refusal()).isEmpty();
            assertThat(verdict.headers())
                    .containsEntry("x-ratelimit-limit-requests", "6")
                    .containsEntry("x-ratelimit-remaining-requests", Integer.toString(i))
                    .doesNotContainKey("x-ratelimit-limit-tokens");
        }
        RateLimits.Verdict refused = allowance.admit(SIX, 0);
        assertThat(refused.refusal().orElseThrow().status()).isEqualTo(429);
        assertThat(refused.refusal().orElseThrow().type()).isEqualTo("requests");
        assertThat(refused.headers())
                .containsEntry("Retry-After", "10")
                .containsEntry("x-ratelimit-reset-requests", "1m0s");
        assertThat(allowance.admit(SIX, 9_999).refusal()).isPresent();
        assertThat(allowance.admit(SIX, 10_000).refusal()).isEmpty();
        assertThat(allowance.admit(SIX, 10_001).refusal()).isPresent();
    }

    /** Against the definition: in any time, no more than a minute's worth and what came back by then. */
    @Test
    void noSequenceOfRequestsGetsMore() {
        long seed = Long.getLong("tandem.test.seed", 7);
        Random random = new Random(seed);
        long now = 0;
        int admitted = 0;
        for (int i = 0; i < 2000; i++) {
            now += random.nextInt(4000);
            admitted += allowance.admit(SIX, now).refusal().isEmpty() ? 1 : 0;
            assertThat(admitted).as("seed " + seed).isLessThanOrEqualTo((int) (6 + now * 6 / 60_000));
        }
        assertThat(admitted).isGreaterThan((int) (now * 6 / 60_000) - 6);
    }

    @Test
    void tokensThatWereTakenTooMuchAreOwed() {
        Quota quota = new Quota(null, 60L, null, null, null, null, 1);
        assertThat(allowance.admit(quota, 0).refusal()).isEmpty();
        allowance.spend(quota, 150, 0);
        RateLimits.Verdict refused = allowance.admit(quota, 0);
        assertThat(refused.refusal().orElseThrow().type()).isEqualTo("tokens");
        assertThat(refused.headers())
                .containsEntry("Retry-After", "91")
                .containsEntry("x-ratelimit-remaining-tokens", "0")
                .containsEntry("x-ratelimit-reset-tokens", "2m30s");
        assertThat(allowance.admit(quota, 90_000).refusal()).isPresent();
        assertThat(allowance.admit(quota, 91_000).refusal()).isEmpty();
    }

    @Test
    void answersAtOnceAreAllOrNone() {
        allowance.begin(SIX, 2);
        assertThatThrownBy(() -> allowance.begin(SIX, 2))
                .isInstanceOf(ApiException.class)
                .hasMessageContaining("3 answers at once");
        allowance.begin(SIX, 1);
        allowance.end(1);
        allowance.begin(SIX, 1);
    }

    @Test
    void nothingAllowedIsNothing() {
        Quota none = new Quota(0L, 0L, 0L, null, null, null, 1);
        assertThat(allowance.admit(none, 0).refusal()).isPresent();
        assertThat(allowance.admit(none, 1L << 40).refusal()).isPresent();
        assertThatThrownBy(() -> allowance.begin(none, 1)).isInstanceOf(ApiException.class);
    }

    @ParameterizedTest
    @CsvSource({"0,0ms", "820,820ms", "1000,1s", "1500,1.5s", "60000,1m0s", "360000,6m0s", "61250,1m1.25s"})
    void durationsAreWrittenAsOpenAiDoes(long millis, String text) {
        assertThat(Allowance.shown(Duration.ofMillis(millis))).isEqualTo(text);
    }
}
