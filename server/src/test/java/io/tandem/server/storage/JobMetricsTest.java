package io.tandem.server.storage;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.scheduler.finetune.JobSink.Measured;
import io.tandem.scheduler.finetune.JobSink.StepReport;
import io.tandem.scheduler.finetune.Scores;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobMetricsTest {
    private static final String JOB = "ftjob-1";
    private static final Clock CLOCK = Clock.fixed(Instant.ofEpochSecond(1_700_000_000L, 500_000_000L), ZoneOffset.UTC);

    @TempDir
    private Path folder;

    private Storage storage;

    @BeforeEach
    void open() throws IOException {
        storage = StoredData.open(folder);
    }

    @AfterEach
    void close() {
        storage.close();
    }

    private static Scores scores(double loss, double accuracy) {
        return new Scores(loss, OptionalDouble.of(accuracy), OptionalDouble.of(0.25), OptionalDouble.empty());
    }

    private static StepReport report(int step) {
        return new StepReport(
                step, 10, scores(0.5 * step, 0.75), 1e-3, 2.5, 64, 64L * step, 0.25, LearningPlan.EVERYTHING);
    }

    private static Measured measured(int step) {
        return new Measured(step, scores(3.5, 0.5), new TreeMap<>(Map.of("spelling", 4.0)));
    }

    private JobMetrics open(int step) {
        return new JobMetrics(storage, JOB, folder, new JobMetrics.Start(5, step), CLOCK);
    }

    private List<String> table() throws IOException {
        return JobMetrics.table(storage, JOB);
    }

    @Test
    void aStepsLineHasTheLossMeasuredAfterIt() throws IOException {
        JobMetrics metrics = open(0);
        metrics.measured(measured(0));
        metrics.step(report(1));
        metrics.step(report(2));
        metrics.measured(measured(2));
        metrics.flush();
        metrics.flush();
        assertThat(table())
                .containsExactly(
                        "step,epoch,train_loss,train_mean_token_accuracy,valid_loss,valid_mean_token_accuracy,"
                                + "valid_exact_match,reward_accuracy,learning_rate,gradient_norm,tokens,seconds",
                        "0,0.0000,,,3.5,0.5,0.25,,,,,",
                        "1,0.2000,0.5,0.75,,,,,0.001,2.5,64,0.250",
                        "2,0.4000,1.0,0.75,3.5,0.5,0.25,,0.001,2.5,64,0.250");
    }

    @Test
    void stepsThatWillBeDoneAgainAndLinesThatAreDamagedAreDropped() throws IOException {
        JobMetrics metrics = open(0);
        for (int step = 1; step <= 4; step++) {
            metrics.step(report(step));
        }
        metrics.flush();
        StoredData.append(folder, "steps/" + JOB, "2,0.40x0,1.");
        JobMetrics again = open(2);
        again.step(report(3));
        again.flush();
        assertThat(table())
                .extracting(line -> line.substring(0, line.indexOf(',')))
                .containsExactly("step", "1", "2", "3");
    }

    @Test
    void tensorBoardReadsTheNumbers() throws IOException {
        JobMetrics metrics = open(7);
        metrics.step(report(8));
        metrics.measured(measured(8));
        List<Path> files;
        try (Stream<Path> entries = Files.list(folder)) {
            files = entries.filter(file -> file.getFileName().toString().startsWith("events.out.tfevents."))
                    .toList();
        }
        assertThat(files).hasSize(1);
        List<byte[]> records = records(Files.readAllBytes(files.get(0)));
        assertThat(records).hasSize(4);
        // Written once by hand, from the .proto files: wall time, step 0, "brain.Event:2".
        assertThat(hex(records.get(0)))
                .isEqualTo("09" + hexDouble(1_700_000_000.5) + "1000" + "1a0d"
                        + hex("brain.Event:2".getBytes(StandardCharsets.US_ASCII)));
        assertThat(hex(records.get(1))).isEqualTo("09" + hexDouble(1_700_000_000.5) + "1008" + "3a020801");
        assertThat(hex(records.get(2)))
                .contains(
                        "0a11" + "0a0a" + hex("train/loss".getBytes(StandardCharsets.US_ASCII)) + "15" + hexFloat(4f));
        assertThat(hex(records.get(3)))
                .contains("0a0a" + hex("valid/loss".getBytes(StandardCharsets.US_ASCII)) + "15" + hexFloat(3.5f))
                .contains(hex("valid/loss/spelling".getBytes(StandardCharsets.US_ASCII)) + "15" + hexFloat(4f));
    }

    /** The frames of a TFRecord file, checksums verified by a bitwise CRC-32C. */
    private static List<byte[]> records(byte[] file) {
        ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        List<byte[]> records = new ArrayList<>();
        while (in.hasRemaining()) {
            byte[] length = new byte[8];
            in.get(length);
            assertThat(in.getInt()).isEqualTo(masked(length));
            byte[] record = new byte
                    [Math.toIntExact(ByteBuffer.wrap(length)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .getLong())];
            in.get(record);
            assertThat(in.getInt()).isEqualTo(masked(record));
            records.add(record);
        }
        return records;
    }

    private static int masked(byte[] bytes) {
        int crc = ~0;
        for (byte b : bytes) {
            crc ^= b & 0xFF;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc & 1) == 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82F63B78;
            }
        }
        int finished = ~crc;
        return ((finished >>> 15) | (finished << 17)) + 0xA282EAD8;
    }

    private static String hexDouble(double value) {
        return hex(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putDouble(value)
                .array());
    }

    private static String hexFloat(float value) {
        return hex(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putFloat(value)
                .array());
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}
