package io.tandem.server.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.TokenSource;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.Storage;
import io.tandem.server.storage.UsageStore;
import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.storage.document.SqliteDocuments;
import io.tandem.server.tenant.Usage.Counts;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RateLimitsTest {
    private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-03-04T12:00:00Z"), ZoneOffset.UTC);
    private static final TenantId TENANT = TenantId.random();

    private static final InferenceRequest REQUEST =
            new InferenceRequest(1, "", new int[] {1, 2, 3, 4}, 2, List.of(), SamplingParams.GREEDY, StopRule.NONE);

    @TempDir
    private Path directory;

    private static final class Nobody implements TokenSink {
        @Override
        public void token(Draw draw) {}

        @Override
        public void promptToken(Draw draw) {}

        @Override
        public void state(float[] state) {}

        @Override
        public void finish(Finish finish) {}
    }

    /** Four tokens of each prompt and two of its answer. */
    private static TokenSource answering(List<TokenSource.Submission> asked) {
        return new TokenSource() {
            @Override
            public Optional<Rejection> submit(List<Submission> answers) {
                asked.addAll(answers);
                answers.get(0)
                        .sink()
                        .finish(new TokenSink.Finish(FinishReason.STOP, 4, 0, 2, "", TokenSink.Course.NONE));
                return Optional.empty();
            }

            @Override
            public void cancel(long requestId) {}
        };
    }

    @Test
    void theServerAsksForAQuarterOfTheAnswersThatATenantMayHave() throws IOException {
        assertThat(atOnce(16L)).isEqualTo(4);
        assertThat(atOnce(7L)).isEqualTo(1);
        assertThat(atOnce(0L)).isEqualTo(1);
        assertThat(atOnce(1L << 50)).isEqualTo(Integer.MAX_VALUE);
        assertThat(atOnce(null)).isEqualTo(Integer.MAX_VALUE);
    }

    private int atOnce(@Nullable Long sequences) throws IOException {
        Quota quota = new Quota(null, null, sequences, null, null, null, 1);
        try (Storage storage = new Storage(
                SqliteDocuments.open(directory.resolve("documents.db"), directory), new DiskBlobs(directory))) {
            return new RateLimits(tenant -> quota, new Usage(new UsageStore(storage), CLOCK), CLOCK).atOnce(TENANT);
        }
    }

    /** Two requests of six tokens use up eight of a minute. */
    @Test
    void whatTheServerAsksForATenantIsHeldAgainstItsQuota() throws IOException {
        Quota quota = new Quota(null, 8L, null, null, null, null, 1);
        List<TokenSource.Submission> asked = new ArrayList<>();
        try (Storage storage = new Storage(
                SqliteDocuments.open(directory.resolve("documents.db"), directory), new DiskBlobs(directory))) {
            Usage usage = new Usage(new UsageStore(storage), CLOCK);
            TokenSource source =
                    new RateLimits(tenant -> quota, usage, CLOCK).admitted(TENANT, answering(asked), "base");
            assertThat(source.submit(REQUEST, new Nobody())).isEmpty();
            assertThat(source.submit(REQUEST, new Nobody())).isEmpty();
            assertThatThrownBy(() -> source.submit(REQUEST, new Nobody()))
                    .isInstanceOfSatisfying(
                            ApiException.class, e -> assertThat(e.status()).isEqualTo(429));
            assertThat(asked).hasSize(2);
            assertThat(usage.of(TENANT, usage.today())).containsEntry("base", new Counts(2, 8, 0, 4, 0));
        }
    }
}
