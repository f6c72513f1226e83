package io.tandem.server.storage.document;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskReserveTest {
    @TempDir
    private Path directory;

    @Test
    void itIsTakenOnceAndGivenBackOnce() throws IOException {
        Path file = directory.resolve("reserve");
        DiskReserve reserve = new DiskReserve(file);
        assertThat(reserve.giveBack()).isFalse();
        reserve.take();
        reserve.take();
        assertThat(file).hasSize(DiskReserve.BYTES);
        assertThat(reserve.giveBack()).isTrue();
        assertThat(file).doesNotExist();
        // As a crash leaves it.
        Files.writeString(file, "cut off");
        reserve.take();
        assertThat(file).hasSize(DiskReserve.BYTES);
    }

    @Test
    void withoutRoomThereIsNone() throws IOException {
        DiskReserve reserve = new DiskReserve(directory.resolve("missing/reserve"));
        reserve.take();
        assertThat(reserve.giveBack()).isFalse();
    }
}
