package io.tandem.server.storage.document;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.storage.document.Change.Append;
import io.tandem.server.storage.document.Change.Put;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PostgresDocumentsTest extends DocumentsTest {
    private static TestPostgres postgres;
    private static int schemas;

    private String schema;

    @BeforeAll
    static void startPostgres(@TempDir Path directory) throws IOException {
        postgres = TestPostgres.start(directory.resolve("pg"));
    }

    @AfterAll
    static void stopPostgres() {
        if (postgres != null) {
            postgres.close();
        }
    }

    @BeforeEach
    @Override
    void openFirst() throws IOException {
        schema = "test" + schemas++;
        super.openFirst();
    }

    @Override
    Documents open() throws IOException {
        return PostgresDocuments.open(new PostgresAddress(postgres.address(schema), Optional.empty()));
    }

    @Override
    void execute(String sql) {
        postgres.execute("SET search_path TO " + schema + "; " + sql);
    }

    /** What is written while PostgreSQL ends and starts is there if that was said, and once; everything comes back by itself. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRestartUnderLoadLosesNothing(boolean killed) throws Exception {
        AtomicBoolean ending = new AtomicBoolean();
        List<String> acknowledged = new ArrayList<>();
        List<Duration> failures = new ArrayList<>();
        CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> {
            for (int i = 0; !ending.get(); i++) {
                Instant began = Instant.now();
                try {
                    documents.writeSoon(List.of(new Append("events", "event " + i)));
                    documents.write(List.of(new Put("c", "id " + i, json("x"))));
                    acknowledged.add("id " + i);
                } catch (UnreachableException e) {
                    failures.add(Duration.between(began, Instant.now()));
                    sleep(5);
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            }
        });
        Thread.sleep(300);
        if (killed) {
            postgres.kill();
        } else {
            postgres.stop();
        }
        // Once for less and once for longer than anybody waits.
        Thread.sleep(killed ? 200 : 5000);
        postgres.start();
        int before = acknowledged.size();
        while (acknowledged.size() < before + 20 && !writer.isDone()) {
            Thread.sleep(20);
        }
        ending.set(true);
        writer.join();
        if (!killed) {
            assertThat(failures).isNotEmpty();
            assertThat(failures.stream().sorted().toList().get(failures.size() / 2))
                    .as("who asks while it is away is told so at once")
                    .isLessThan(Duration.ofMillis(500));
        }
        assertThat(documents.ids("c", "")).containsAll(acknowledged);
        List<String> events = documents.oldest("events", 0, 1_000_000).stream()
                .map(Documents.Line::text)
                .toList();
        assertThat(events).doesNotHaveDuplicates();
        // A kill may take the last few that nobody forced; what came while it was away waited.
        int last = Integer.parseInt(acknowledged.get(acknowledged.size() - 1).substring(3));
        assertThat(events.size()).isGreaterThan(last - (killed ? 200 : 2));
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void twoServersCannotShareADatabase() throws IOException {
        assertThatThrownBy(this::open).isInstanceOf(IOException.class).hasMessageContaining("in use by another server");
        documents.write(List.of(new Put("c", "1", json("still the first"))));
    }

    /** As after a network that was cut: the lock is lost, another server comes, and the first one writes nothing more. */
    @Test
    void aServerThatWasReplacedWritesNothing() throws IOException {
        documents.write(List.of(new Put("c", "1", json("first"))));
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
        try (Documents second = open()) {
            second.write(List.of(new Put("c", "1", json("second"))));
            assertThatThrownBy(() -> documents.write(List.of(new Put("c", "1", json("first again")))))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("another server has taken over");
            assertThat(second.get("c", "1")).contains(json("second"));
        }
    }

    @Test
    void aLockThatIsLostIsTakenAgain() throws Exception {
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
        Thread.sleep(1100);
        for (int i : IntStream.range(0, 3).toArray()) {
            documents.write(List.of(new Put("c", String.valueOf(i), json("x"))));
        }
        twoServersCannotShareADatabase();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"mysql://a@b/c", "postgresql://localhost", "postgresql:///tandem", "postgresql://a b/c", "x"})
    void addressesThatAreNoneAreRefused(String address) {
        assertThatThrownBy(() -> new PostgresAddress(address, Optional.empty()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aDatabaseThatIsNotThereIsNamedWithoutItsPassword() {
        PostgresAddress nobody =
                new PostgresAddress("postgresql://user:secret@localhost:1/tandem", Optional.of("secret"));
        assertThatThrownBy(() -> PostgresDocuments.open(nobody))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("localhost/tandem")
                .hasMessageNotContaining("secret");
    }
}
