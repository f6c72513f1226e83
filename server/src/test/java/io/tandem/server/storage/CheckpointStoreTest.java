package io.tandem.server.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.learning.LearningState;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobCheckpoint.Best;
import io.tandem.scheduler.finetune.JobSink.Measured;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.scheduler.finetune.Trajectories;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.blob.Blobs;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointStoreTest {
    private static final TinyModel MODEL = TinyModel.of(TinyModel.Variant.LLAMA, 1);
    private static final String JOB = "ftjob-1";

    @TempDir
    private Path root;

    private Storage storage;
    private CheckpointStore store;

    @BeforeEach
    void open() throws IOException {
        storage = StoredData.open(root);
        store = new CheckpointStore(storage, new AdapterStore(storage, TenantId.DEFAULT, root, MODEL.config(), 8));
    }

    @AfterEach
    void close() {
        storage.close();
    }

    private Path directory(int step) {
        return root.resolve(CheckpointStore.key(JOB, step));
    }

    private static Adapter adapter(long seed) {
        return TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, seed);
    }

    private static JobCheckpoint checkpoint(int step) {
        Random random = new Random(step);
        byte[] moments = new byte[100];
        random.nextBytes(moments);
        return new JobCheckpoint(
                step,
                adapter(step),
                step % 4 == 0 ? Optional.of(adapter(step + 100)) : Optional.empty(),
                new OptimizerState(step, new TreeMap<>(Map.of("first", moments, "second", new byte[0])))
                        .with(step % 2 == 0 ? Map.of("growth", moments.clone()) : Map.of()),
                step % 2 == 0
                        ? Optional.of(new Best(step - 1, random.nextDouble(), adapter(step - 1)))
                        : Optional.empty(),
                step == 1 ? Double.POSITIVE_INFINITY : random.nextDouble(),
                random.nextInt(5),
                random.doubles(step).boxed().toList(),
                random.nextLong(),
                new Scores(
                        random.nextDouble(), OptionalDouble.of(0.25), OptionalDouble.empty(), OptionalDouble.empty()),
                step % 3 == 0
                        ? Optional.of(new Measured(
                                step,
                                new Scores(
                                        random.nextDouble(),
                                        OptionalDouble.of(random.nextDouble()),
                                        OptionalDouble.of(random.nextDouble()),
                                        step % 2 == 0 ? OptionalDouble.of(0.5) : OptionalDouble.empty()),
                                new TreeMap<>(Map.of("", 1.0, "spelling ü", 2.0))))
                        : Optional.empty(),
                step % 4 == 0
                        ? new LearningState(new TreeMap<>(Map.of("a", List.of(0.5, -1e-300), "b", List.of())))
                        : LearningState.NONE,
                step % 2 == 0 ? new Trajectories(List.of(List.of(1.5, 0.25), List.of(0.5, 0.125))) : Trajectories.NONE);
    }

    private void save(int step) throws IOException {
        store.save(JOB, checkpoint(step), JsonBody.MAPPER.createObjectNode().put("step_number", step));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 6, 12})
    void whatIsSavedComesBackBitForBit(int step) throws IOException {
        save(step);
        assertThat(store.latest(JOB).orElseThrow()).usingRecursiveComparison().isEqualTo(checkpoint(step));
    }

    /**
     * Of a state that has none of them, the last numbers are zero: those of further tensors, of what is remembered of what learns, and
     * of the trajectories. The first version had none of the three, the one after it the first two.
     */
    @ParameterizedTest
    @CsvSource({"2, 3", "3, 1"})
    void jobsOfTheVersionsBeforeGoOn(int version, int missing) throws IOException {
        save(3);
        Path state = directory(3).resolve("state.bin");
        byte[] now = Files.readAllBytes(state);
        ByteBuffer before = ByteBuffer.allocate(now.length - missing * Integer.BYTES);
        before.put(now, 0, now.length - (missing + 1) * Integer.BYTES).putInt(Integer.BYTES, version);
        CRC32C crc = new CRC32C();
        crc.update(before.array(), 0, before.position());
        Files.write(state, before.putInt((int) crc.getValue()).array());
        assertThat(store.latest(JOB).orElseThrow()).usingRecursiveComparison().isEqualTo(checkpoint(3));
    }

    @Test
    void theLatestIsTheLastStepAndNotTheLastName() throws IOException {
        for (int step : new int[] {2, 9, 10, 100}) {
            save(step);
        }
        assertThat(store.latest(JOB).orElseThrow().step()).isEqualTo(100);
        assertThat(store.objects(JOB))
                .extracting(o -> o.path("step_number").asInt())
                .containsExactly(2, 9, 10, 100);
        assertThat(store.latest("ftjob-2")).isEmpty();
    }

    @Test
    void oldOnesGo() throws IOException {
        for (int step = 1; step <= 5; step++) {
            save(step);
        }
        assertThat(store.oldest(JOB, 2)).containsExactly(1, 2, 3);
        for (int step : store.oldest(JOB, 2)) {
            store.delete(JOB, step);
        }
        assertThat(store.objects(JOB)).hasSize(2);
        assertThat(store.oldest(JOB, 2)).isEmpty();
    }

    @Test
    void whatIsPublishedLaterIsWhatIsServed() throws IOException {
        save(3);
        save(4);
        assertThat(store.unpublished(JOB).get(3)).usingRecursiveComparison().isEqualTo(adapter(3));
        assertThat(store.unpublished(JOB).get(4)).usingRecursiveComparison().isEqualTo(adapter(104));
    }

    @Test
    void whateverIsBrokenTheOneBeforeIsUsed() throws IOException {
        Random random = new Random(7);
        save(3);
        save(4);
        Path broken = directory(4);
        List<Path> files;
        try (Stream<Path> tree = Files.walk(broken)) {
            files = tree.filter(Files::isRegularFile)
                    .filter(file -> !file.endsWith("adapter_config.json"))
                    .toList();
        }
        assertThat(files).hasSize(4);
        for (Path file : files) {
            byte[] whole = Files.readAllBytes(file);
            for (int i = 0; i < 20; i++) {
                byte[] hurt = random.nextBoolean() ? Arrays.copyOf(whole, random.nextInt(whole.length)) : whole.clone();
                if (hurt.length == whole.length) {
                    hurt[random.nextInt(hurt.length)] ^= (byte) (1 << random.nextInt(8));
                }
                Files.write(file, hurt);
                assertThat(store.latest(JOB).orElseThrow().step())
                        .as(file.toString())
                        .isEqualTo(3);
            }
            Files.delete(file);
            assertThat(store.latest(JOB).orElseThrow().step()).isEqualTo(3);
            Files.write(file, whole);
        }
        assertThat(store.latest(JOB).orElseThrow().step()).isEqualTo(4);
    }

    /** Else a job would train again what it has learned. */
    /** Or a job that comes to its last step again would find no checkpoint to end with, and come to it again. */
    @Test
    void aBrokenOneIsReplacedWhenItsStepIsMadeAgain() throws IOException {
        save(3);
        save(4);
        AtomicFiles.delete(directory(4));
        assertThat(store.latest(JOB).orElseThrow().step()).isEqualTo(3);
        save(4);
        assertThat(store.latest(JOB).orElseThrow()).usingRecursiveComparison().isEqualTo(checkpoint(4));
        storage.sweep();
        assertThat(store.latest(JOB).orElseThrow().step()).isEqualTo(4);
    }

    @Test
    void oneThatCannotBeReadForNowIsNotPassedOver() throws IOException {
        save(3);
        save(4);
        Blobs failing = (Blobs) Proxy.newProxyInstance(
                Blobs.class.getClassLoader(), new Class<?>[] {Blobs.class}, (proxy, method, arguments) -> {
                    throw new IOException("Too many open files");
                });
        Storage same = new Storage(storage.documents(), failing);
        CheckpointStore opened =
                new CheckpointStore(same, new AdapterStore(same, TenantId.DEFAULT, root, MODEL.config(), 8));
        assertThatThrownBy(() -> opened.latest(JOB))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("open files");
    }

    @Test
    void whatACrashLeftUnfinishedIsNoCheckpoint() throws IOException {
        save(1);
        Path unfinished = AtomicFiles.unfinished(directory(2));
        Files.createDirectory(unfinished);
        Files.writeString(unfinished.resolve("state.bin"), "half");
        assertThat(store.latest(JOB).orElseThrow().step()).isEqualTo(1);
        assertThat(store.objects(JOB)).hasSize(1);
        // It may as well be a checkpoint that is being written; only the next start deletes it.
        assertThat(unfinished).exists();
    }
}
