package io.tandem.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.server.api.TenantId;
import java.util.concurrent.TimeUnit;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** Uploads against a clock that the test moves. */
class UploadPaceTest {
    private static final int BUFFER = 1000;
    private static final long RATE = 10_000;
    /** Of one buffer at the rate. */
    private static final long NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private static final Offset<Long> ROUNDING = within(1000L);
    private static final TenantId LOUD = tenant(1);
    private static final TenantId LOUD_TOO = tenant(2);
    private static final TenantId QUIET = tenant(3);

    private long now = -5;
    private final UploadPace pace = new UploadPace(RATE, () -> now);

    private static TenantId tenant(int number) {
        return new TenantId(String.format("proj_%024x", number));
    }

    @Test
    void nobodyIsHeldAlone() {
        pace.begins(LOUD);
        assertThat(pace.nanosAfter(LOUD, BUFFER)).isZero();
        pace.asks(LOUD);
        pace.asks(LOUD);
        assertThat(pace.nanosAfter(LOUD, BUFFER)).isZero();
    }

    @Test
    void anotherTenantThatAsksHoldsUploads() {
        pace.begins(LOUD);
        pace.asks(QUIET);
        pace.asks(LOUD);
        assertThat(pace.nanosAfter(LOUD, BUFFER)).isCloseTo(NANOS, ROUNDING);
        now += NANOS;
        assertThat(pace.nanosAfter(LOUD, BUFFER)).isCloseTo(NANOS, ROUNDING);
        now += UploadPace.LATELY_NANOS;
        assertThat(pace.nanosAfter(LOUD, BUFFER)).isZero();
    }

    @Test
    void whoAsksAloneUploadsFreely() {
        pace.begins(QUIET);
        pace.asks(QUIET);
        assertThat(pace.nanosAfter(QUIET, BUFFER)).isZero();
    }

    @Test
    void uploadsOfATenantShareItsRate() {
        pace.begins(LOUD);
        pace.begins(LOUD);
        pace.asks(QUIET);
        assertThat(pace.nanosAfter(LOUD, BUFFER)).isCloseTo(NANOS, ROUNDING);
        assertThat(pace.nanosAfter(LOUD, BUFFER)).isCloseTo(2 * NANOS, ROUNDING);
    }

    @Test
    void tenantsShareTheRateWhileTheyUpload() {
        pace.begins(LOUD);
        pace.begins(LOUD_TOO);
        pace.asks(QUIET);
        assertThat(pace.nanosAfter(LOUD, BUFFER)).isCloseTo(2 * NANOS, ROUNDING);
        assertThat(pace.nanosAfter(LOUD_TOO, BUFFER)).isCloseTo(2 * NANOS, ROUNDING);
        pace.ends(LOUD_TOO);
        now += 2 * NANOS;
        assertThat(pace.nanosAfter(LOUD, BUFFER)).isCloseTo(NANOS, ROUNDING);
    }

    @Test
    void aPauseIsNoCredit() {
        pace.begins(LOUD);
        pace.asks(QUIET);
        pace.nanosAfter(LOUD, BUFFER);
        now += UploadPace.LATELY_NANOS / 2;
        assertThat(pace.nanosAfter(LOUD, BUFFER)).isCloseTo(NANOS, ROUNDING);
    }

    @Test
    void manyShortUploadsAreNoFasterThanALongOne() {
        pace.asks(QUIET);
        for (int i = 1; i <= 3; i++) {
            pace.begins(LOUD);
            assertThat(pace.nanosAfter(LOUD, BUFFER)).isCloseTo(i * NANOS, ROUNDING);
            pace.ends(LOUD);
        }
    }

    @Test
    void aLittleMayComeEarly() {
        pace.begins(LOUD);
        pace.asks(QUIET);
        int little = (int) (RATE * UploadPace.EARLY_NANOS / TimeUnit.SECONDS.toNanos(1));
        assertThat(pace.nanosAfter(LOUD, little)).isZero();
        assertThat(pace.nanosAfter(LOUD, little)).isCloseTo(2 * UploadPace.EARLY_NANOS, ROUNDING);
    }

    @Test
    void withoutARateNobodyIsHeld() {
        UploadPace free = new UploadPace(0, () -> now);
        free.begins(LOUD);
        free.asks(QUIET);
        assertThat(free.nanosAfter(LOUD, BUFFER)).isZero();
    }
}
