package io.tandem.server.tenant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.api.TenantId;
import io.tandem.server.storage.FailingDocuments;
import io.tandem.server.storage.Storage;
import io.tandem.server.storage.StoredData;
import io.tandem.server.storage.UsageStore;
import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.storage.document.SqliteDocuments;
import io.tandem.server.tenant.Usage.Counts;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UsageTest {
    private static final LocalDate DAY = LocalDate.of(2026, 3, 4);
    private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-03-04T23:59:59Z"), ZoneOffset.UTC);
    private static final TenantId TENANT = TenantId.random();
    private static final Counts ONE = new Counts(1, 10, 4, 5, 0);

    @TempDir
    private Path directory;

    private FailingDocuments documents;
    private Storage storage;

    @BeforeEach
    void openStorage() throws IOException {
        documents = new FailingDocuments(SqliteDocuments.open(directory.resolve("documents.db"), directory));
        storage = new Storage(documents, new DiskBlobs(directory));
    }

    @AfterEach
    void close() {
        storage.close();
    }

    private Usage open(Clock clock) {
        return new Usage(new UsageStore(storage), clock);
    }

    @Test
    void whatIsSavedIsAddedToWhatWasThere() throws IOException {
        Usage first = open(CLOCK);
        first.add(TENANT, "a", ONE);
        first.add(TENANT, "a", ONE);
        first.save();
        first.add(TENANT, "b", ONE);
        assertThat(first.of(TENANT, DAY)).isEqualTo(Map.of("a", ONE.plus(ONE), "b", ONE));
        first.save();
        first.save();
        Usage second = open(CLOCK);
        second.add(TENANT, "a", ONE);
        assertThat(second.of(TENANT, DAY).get("a").requests()).isEqualTo(3);
        assertThat(second.of(TenantId.DEFAULT, DAY)).isEmpty();
    }

    @Test
    void aDayEndsAtMidnightUtc() throws IOException {
        open(CLOCK).add(TENANT, "a", ONE);
        Usage next = open(Clock.offset(CLOCK, Duration.ofSeconds(1)));
        next.add(TENANT, "a", ONE);
        next.save();
        assertThat(next.of(TENANT, DAY)).isEmpty();
        assertThat(next.of(TENANT, DAY.plusDays(1))).containsKey("a");
        assertThat(open(CLOCK).of(TENANT, DAY.plusDays(1))).containsKey("a");
    }

    @Test
    void whatTheDiskDoesNotTakeIsSavedLater() throws IOException {
        Usage usage = open(CLOCK);
        usage.add(TENANT, "a", ONE);
        documents.fillDisk();
        assertThatThrownBy(usage::save).isInstanceOf(IOException.class);
        assertThat(usage.of(TENANT, DAY)).containsEntry("a", ONE);
        documents.makeRoom();
        usage.save();
        assertThat(open(CLOCK).of(TENANT, DAY)).containsEntry("a", ONE);
    }

    @Test
    void aDamagedDayCountsFromZero() throws IOException {
        Usage usage = open(CLOCK);
        usage.add(TENANT, "a", ONE);
        usage.save();
        StoredData.change(directory, "usage", TENANT.value() + "/" + DAY, body -> "{\"a\":");
        assertThat(usage.of(TENANT, DAY)).isEmpty();
        usage.add(TENANT, "a", ONE);
        usage.save();
        assertThat(usage.of(TENANT, DAY)).containsEntry("a", ONE);
    }

    @Test
    void namesHaveALimit() {
        Usage usage = open(CLOCK);
        for (int i = 0; i < 5000; i++) {
            usage.add(TENANT, "a" + i, ONE);
        }
        assertThat(usage.of(TENANT, DAY)).hasSizeLessThan(4100).containsKey("(other)");
    }
}
