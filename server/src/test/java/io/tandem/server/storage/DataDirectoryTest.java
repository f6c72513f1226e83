package io.tandem.server.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DataDirectoryTest {
    @TempDir
    private Path root;

    private static Path write(Path file) throws IOException {
        Files.createDirectories(file.getParent());
        return Files.writeString(file, "x");
    }

    /** Everywhere a store writes, and what an upload leaves that the process did not live to take over. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "files/.unfinished-1/content",
                "adapters/.unfinished-1/adapter_model.safetensors",
                "adapters/a/.unfinished-1/adapter_model.safetensors",
                "adapters/a/.unfinished-2",
                "jobs/ftjob-1/.unfinished-1",
                "jobs/ftjob-1/checkpoints/.unfinished-1/best/adapter_model.safetensors",
                "jobs/ftjob-1/checkpoints/step-00000001/.unfinished-1",
                "scratch/0b3f",
                "scratch/scratch-1/adapter_config.json",
                "scratch/export-1.zip"
            })
    void whatACrashLeftIsDeletedWhenADirectoryIsOpened(String leftover) throws IOException {
        write(root.resolve(leftover));
        Path kept = write(root.resolve("jobs/ftjob-1/checkpoints/step-00000001/state.bin"));
        Path foreign = write(root.resolve("adapters/a/deeper/and/even/deeper/.unfinished-notes"));
        try (DataDirectory data = DataDirectory.open(root)) {
            assertThat(data.uploads()).isEmptyDirectory();
        }
        assertThat(root.resolve(leftover)).doesNotExist();
        assertThat(kept).exists();
        assertThat(foreign).exists();
    }

    @Test
    void linksOutOfTheDirectoryAreNotFollowed() throws IOException {
        Path outside = write(root.resolve("outside/.unfinished-1"));
        Path data = Files.createDirectories(root.resolve("data/adapters")).getParent();
        Files.createSymbolicLink(data.resolve("adapters/a"), outside.getParent());
        Files.createSymbolicLink(data.resolve("adapters/dangling"), root.resolve("nowhere"));
        Files.createSymbolicLink(
                Files.createDirectories(data.resolve("scratch")).resolve("link"), outside.getParent());
        DataDirectory.open(data).close();
        assertThat(outside).exists();
        assertThat(data.resolve("scratch")).isEmptyDirectory();
    }

    @Test
    void aDirectoryThatLivesElsewhereIsCleanedToo() throws IOException {
        Path leftover = write(root.resolve("large disk/a/.unfinished-1"));
        Path data = Files.createDirectory(root.resolve("data"));
        Files.createSymbolicLink(data.resolve("adapters"), root.resolve("large disk"));
        DataDirectory.open(data).close();
        assertThat(leftover).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(strings = {"files", "adapters", "jobs", "scratch"})
    void aFileInTheWayIsNamed(String name) throws IOException {
        write(root.resolve(name));
        assertThatThrownBy(() -> DataDirectory.open(root))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(root.resolve(name).toString())
                .hasMessageContaining("not a directory");
        // The lock is free again.
        Files.delete(root.resolve(name));
        DataDirectory.open(root).close();
    }

    @Test
    void twoServersCannotShareADirectory() throws IOException {
        try (DataDirectory first = DataDirectory.open(root)) {
            assertThat(first.uploads()).isDirectory();
            assertThatThrownBy(() -> DataDirectory.open(root))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("in use");
        }
        DataDirectory.open(root).close();
    }
}
