package io.tandem.server.storage.document;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.storage.document.Change.Append;
import io.tandem.server.storage.document.Change.Delete;
import io.tandem.server.storage.document.Change.Put;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SqliteDocumentsTest extends DocumentsTest {
    private static final int DOCUMENTS = 400;

    @TempDir
    private Path directory;

    private Path file() {
        return directory.resolve("documents.db");
    }

    @Override
    Documents open() throws IOException {
        return SqliteDocuments.open(file(), directory);
    }

    @Override
    void execute(String sql) {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file());
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private void fill() throws IOException {
        for (int i = 0; i < DOCUMENTS; i++) {
            documents.writeSoon(List.of(
                    new Put("c", String.format("%04d", i), json("x".repeat(300))), new Append("log", "line " + i)));
        }
        documents.close();
    }

    /** Wherever bytes of a page are changed, the server starts, and most of what is elsewhere is there. */
    @Test
    void aDatabaseWithADamagedPageIsMadeAnew() throws IOException {
        fill();
        byte[] whole = Files.readAllBytes(file());
        long seed = 1;
        Random random = new Random(seed);
        int repaired = 0;
        for (int i = 0; i < 12; i++) {
            // Not the first page, which has the names of the tables.
            int at = 4096 + random.nextInt(whole.length - 4096 - 600);
            byte[] damaged = whole.clone();
            Arrays.fill(damaged, at, at + 600, (byte) random.nextInt(256));
            Files.write(file(), damaged);
            documents = open();
            int left = documents.ids("c", "").size();
            assertThat(left).as("seed " + seed + ", round " + i).isGreaterThan(DOCUMENTS / 2);
            documents.write(List.of(new Put("c", "new", json("x")), new Append("log", "new")));
            assertThat(documents.get("c", "new")).isPresent();
            documents.close();
            try (Stream<Path> files = Files.list(directory)) {
                for (Path path : files.filter(path -> path.toString().contains("damaged"))
                        .toList()) {
                    repaired++;
                    assertThat(Files.readAllBytes(path)).isEqualTo(damaged);
                    Files.delete(path);
                }
            }
        }
        assertThat(repaired).as("damage that shows").isGreaterThan(3);
        documents = SqliteDocuments.open(directory.resolve("other.db"), directory);
    }

    /** SQLite then ends the transaction by itself, unlike other failures. */
    @Test
    void aFullDiskLosesOnlyWhatItDoesNotTake() throws IOException {
        documents.write(List.of(new Put("c", "before", json("x"))));
        limitPages(8);
        ObjectNode large = json("x".repeat(100_000));
        for (int i = 0; i < 3; i++) {
            assertThatThrownBy(
                            () -> documents.write(List.of(new Put("c", "a", json("x")), new Put("c", "large", large))))
                    .isInstanceOf(IOException.class)
                    .hasMessage("No space left on device");
            assertThat(documents.ids("c", "")).containsExactly("before");
        }
        assertThatThrownBy(() -> documents.writeSoon(List.of(new Append("log", large.toString()))))
                .hasMessage("No space left on device");
        limitPages(1000);
        documents.write(List.of(new Put("c", "a", json("x")), new Put("c", "large", large)));
        documents.writeSoon(List.of(new Append("log", "a")));
        documents.close();
        documents = open();
        assertThat(documents.ids("c", "")).containsExactly("a", "before", "large");
        assertThat(documents.newest("log", Long.MAX_VALUE, 10)).hasSize(1);
    }

    /** The room of the reserve is pages that the database may take from then on. */
    @Test
    void aDeletionOnAFullDiskTakesTheReserve() throws IOException {
        documents.close();
        Path reserve = directory.resolve("reserve");
        documents = SqliteDocuments.open(file(), directory, new DiskReserve(reserve) {
            @Override
            boolean giveBack() {
                try {
                    limitPages(1000);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                return super.giveBack();
            }
        });
        documents.write(List.of(new Put("c", "a", json("x")), new Put("c", "b", json("x"))));
        limitPages(8);
        Put note = new Put("garbage", "a", json("x".repeat(100_000)));
        assertThatThrownBy(() -> documents.write(List.of(new Delete("c", "a"), note)))
                .hasMessage("No space left on device");
        assertThat(reserve).exists();
        assertThat(documents.writeDeletion(List.of(new Delete("c", "a"), note))).isEqualTo(1);
        assertThat(reserve).doesNotExist();
        assertThat(documents.ids("c", "")).containsExactly("b");
        assertThat(documents.writeDeletion(List.of(new Delete("c", "b")))).isEqualTo(1);
        assertThat(reserve).as("taken again").hasSize(DiskReserve.BYTES);
    }

    private void limitPages(int pages) throws IOException {
        ((SqliteDocuments) documents).transaction(SqlDocuments.Kind.READ, connection -> {
            try (Statement pragma = connection.createStatement()) {
                return pragma.execute("PRAGMA max_page_count = " + pages);
            }
        });
    }

    /** Tenants may have been among what is lost, so the place that they leave is not a free one. */
    @Test
    void afterALossSomethingIsLeftOfTenants() throws IOException {
        fill();
        byte[] damaged = Files.readAllBytes(file());
        for (int page = 2; page < damaged.length / 4096 - 1; page += 5) {
            Arrays.fill(damaged, page * 4096, page * 4096 + 4096, (byte) 0x5A);
        }
        Files.write(file(), damaged);
        documents = open();
        assertThat(documents.ids("tenants", "")).isNotEmpty();
        assertThat(documents.list("tenants", "")).isEmpty();
    }

    @Test
    void whatIsNoDatabaseIsNamedAndLeftAlone() throws IOException {
        documents.close();
        Files.writeString(file(), "no database, and longer than the head of one: " + "x".repeat(200));
        assertThatThrownBy(this::open)
                .isInstanceOf(IOException.class)
                .hasMessageContaining(file().toString())
                .hasMessageContaining("restore a backup");
        assertThat(file()).content().startsWith("no database");
        Files.delete(file());
        documents = open();
    }
}
