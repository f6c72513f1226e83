package io.tandem.server.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.OptimizerState;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.compeft.CompressionSettings;
import io.tandem.kernels.adapter.learning.LearningState;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobCheckpoint.Best;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.scheduler.finetune.Trajectories;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.AdapterStore.Named;
import io.tandem.server.storage.BatchStore.Results;
import io.tandem.server.storage.Recording.Change;
import io.tandem.server.storage.Recording.Check;
import io.tandem.server.storage.Recording.Write;
import io.tandem.server.storage.blob.DiskBlobs;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whenever the power goes, and whatever of that which was not forced to the disk is lost, all that was acknowledged is
 * there. Every state of the disk that may be left is made from a recording, and the stores are opened on it.
 */
@Timeout(120)
class PowerLossTest {
    private static final TinyModel MODEL = TinyModel.of(TinyModel.Variant.LLAMA, 1);
    private static final int RANDOM_STATES = 2;
    private static final String JOB = "ftjob-1";

    @TempDir
    private Path directory;

    private RecordingFileSystem files;
    private Recording recording;
    private final Set<String> seen = new HashSet<>();
    /** The stores on the state that is checked. */
    private @Nullable Stores restarted;

    private int states;

    @BeforeEach
    void record() throws IOException {
        files = new RecordingFileSystem(Files.createDirectory(directory.resolve("recorded")));
        recording = files.recording();
    }

    /** The stores of a data directory. */
    private record Stores(
            DataDirectory data,
            Storage storage,
            FileStore files,
            AdapterStore adapters,
            JobStore jobs,
            CheckpointStore checkpoints,
            BatchStore batches,
            TenantStore tenants)
            implements AutoCloseable {
        static Stores open(Path root) throws IOException {
            DataDirectory data = DataDirectory.open(root.resolve("data"));
            // SQLite keeps its promises on file systems that nobody records; the blobs and their order are what is
            // tried.
            Storage storage = new Storage(new FileDocuments(data.database()), new DiskBlobs(data.blobs()));
            storage.sweep();
            AdapterStore adapters = new AdapterStore(storage, TenantId.DEFAULT, data.uploads(), MODEL.config(), 8);
            return new Stores(
                    data,
                    storage,
                    StoredData.files(storage),
                    adapters,
                    new JobStore(storage, data.jobs()),
                    new CheckpointStore(storage, adapters),
                    new BatchStore(storage),
                    new TenantStore(storage));
        }

        @Override
        public void close() {
            data.close();
        }
    }

    /** What holds of the stores. */
    private interface Holds {
        void of(Stores stores) throws Exception;
    }

    private void promise(String name, Holds holds) {
        recording.promise(name, root -> {
            if (restarted == null) {
                restarted = Stores.open(root);
            }
            holds.of(restarted);
        });
    }

    /** Tries every moment, and of what may be lost at each: all, nothing, contents alone, and some by chance. */
    private void loseThePowerEverywhere() throws Exception {
        Random random = new Random(1);
        int count = recording.changes().size();
        for (int moment = 0; moment <= count; moment++) {
            if (recording.promised(moment).isEmpty()) {
                continue;
            }
            List<Predicate<Change>> kept =
                    new ArrayList<>(List.of(change -> false, change -> true, change -> !(change instanceof Write)));
            for (int i = 0; i < RANDOM_STATES; i++) {
                long seed = random.nextLong();
                Random some = new Random(seed);
                kept.add(change -> some.nextBoolean());
            }
            for (int i = 0; i < kept.size(); i++) {
                check(moment, i, new PowerLoss(recording, moment, kept.get(i)));
            }
        }
    }

    private void check(int moment, int kind, PowerLoss loss) throws Exception {
        if (!seen.add(recording.promised(moment) + " " + loss)) {
            return;
        }
        Path left = Files.createDirectory(directory.resolve("left-" + states++));
        loss.restore(left);
        try {
            for (Check check : recording.promised(moment)) {
                check.in(left);
            }
        } catch (Exception | AssertionError e) {
            throw new AssertionError("lost after change " + moment + " (kind " + kind + "), in " + left, e);
        } finally {
            if (restarted != null) {
                restarted.close();
                restarted = null;
            }
        }
        AtomicFiles.delete(left);
    }

    private static Adapter adapter(long seed) {
        return TinyAdapters.random(MODEL.config(), Set.of(TargetModule.Q_PROJ), 2, seed);
    }

    private String upload(Stores stores, String text) throws IOException {
        Path upload = Files.writeString(stores.data().uploads().resolve("upload"), text);
        String id =
                stores.files().add(upload, "a.jsonl", "fine-tune", 1).path("id").asText();
        promise(id, now -> {
            assertThat(now.files().find(id)).isPresent();
            assertThat(content(now.files().open(id).orElseThrow())).isEqualTo(text);
        });
        return id;
    }

    private static String content(FileChannel channel) throws IOException {
        try (channel) {
            return new String(Channels.newInputStream(channel).readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        }
    }

    @Test
    void filesAreThereAndDeletedOnesAreNot() throws Exception {
        try (Stores stores = Stores.open(files.root())) {
            String first = upload(stores, "first");
            String second = upload(stores, "second");
            recording.begins(first);
            assertThat(stores.files().delete(first)).isTrue();
            promise(first, now -> assertThat(now.files().find(first)).isEmpty());
            assertThat(stores.files().list())
                    .singleElement()
                    .satisfies(file -> assertThat(file.path("id").asText()).isEqualTo(second));
        }
        loseThePowerEverywhere();
        assertThat(states).isGreaterThan(10);
    }

    @Test
    void jobsKeepTheirStateAndWhatTheyRead() throws Exception {
        try (Stores stores = Stores.open(files.root())) {
            String file = upload(stores, "text");
            ObjectNode job = JsonBody.MAPPER.createObjectNode().put("id", JOB).put("status", "queued");
            Adapter under = adapter(5);
            stores.jobs()
                    .create(
                            job,
                            new JobStore.Inputs(Set.of(file), List.of(new Named("below", under)), List.of()),
                            stores.files(),
                            stores.adapters());
            promise("inputs", now -> {
                assertThat(content(now.jobs().open(JOB, file).orElseThrow())).isEqualTo("text");
                ObjectNode stored = now.jobs().loadAll().get(0);
                assertThat(now.jobs().under(stored, now.adapters()))
                        .singleElement()
                        .satisfies(
                                one -> assertThat(ContentHash.of(one.adapter())).isEqualTo(ContentHash.of(under)));
            });
            String place = stores.jobs().base(JOB, base -> Files.writeString(base.resolve("config.json"), "{}"));
            promise(
                    "base",
                    now -> assertThat(now.data().jobs().resolveSibling(place).resolve("config.json"))
                            .hasContent("{}"));
            for (String status : List.of("running", "paused", "cancelled")) {
                recording.begins("status");
                stores.jobs().save(job.put("status", status));
                promise(
                        "status",
                        now -> assertThat(now.jobs().loadAll())
                                .extracting(one -> one.path("status").asText())
                                .containsExactly(status));
            }
            recording.begins("status");
            recording.begins("inputs");
            recording.begins("base");
            stores.jobs().delete(JOB);
            promise("status", now -> assertThat(now.jobs().loadAll()).isEmpty());
        }
        loseThePowerEverywhere();
    }

    @Test
    void batchesKeepTheirRequestsAndAnswers() throws Exception {
        String id = "batch_" + "0".repeat(24);
        try (Stores stores = Stores.open(files.root())) {
            String file = upload(stores, "requests");
            ObjectNode batch = JsonBody.MAPPER.createObjectNode().put("id", id).put("status", "validating");
            stores.batches().create(batch, file, stores.files());
            promise(
                    "requests",
                    now -> assertThat(content(now.batches().input(id).orElseThrow()))
                            .isEqualTo("requests"));
            ResultLog log = stores.batches().results(id, Results.OUTPUT, head -> {});
            for (int i = 1; i <= 3; i++) {
                List<String> lines =
                        List.of("{\"id\":1}", "{\"id\":2}", "{\"id\":3}").subList(0, i);
                log.write(lines.get(i - 1));
                recording.begins("answers");
                promise("answers", now -> assertThat(answers(now, id)).startsWith(lines.toArray(String[]::new)));
            }
            FileStore.Published published = new FileStore.Published(FileStore.newId(), 1, OptionalLong.empty());
            stores.batches().publish(batch, Results.OUTPUT, stores.files(), published);
            promise(
                    "file",
                    now -> assertThat(content(now.files().open(published.id()).orElseThrow()))
                            .isEqualTo("{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n"));
            recording.begins("requests");
            recording.begins("answers");
            stores.batches().end(batch.put("status", "completed"));
            promise(
                    "status",
                    now -> assertThat(now.batches().loadAll())
                            .extracting(one -> one.path("status").asText())
                            .containsExactly("completed"));
        }
        loseThePowerEverywhere();
    }

    private static List<String> answers(Stores stores, String batch) throws IOException {
        List<String> answers = new ArrayList<>();
        stores.batches().results(batch, Results.OUTPUT, answers::add);
        return answers;
    }

    @Test
    void tenantsAreOldOrNew() throws Exception {
        String id = "proj_" + "0".repeat(24);
        try (Stores stores = Stores.open(files.root())) {
            for (String name : List.of("first", "second")) {
                recording.begins("name");
                stores.tenants()
                        .save(JsonBody.MAPPER.createObjectNode().put("id", id).put("name", name));
                promise("name", now -> {
                    TenantStore.Loaded loaded = now.tenants().loadAll();
                    assertThat(loaded.damaged()).isFalse();
                    assertThat(loaded.tenants())
                            .extracting(one -> one.path("name").asText())
                            .containsExactly(name);
                });
            }
        }
        loseThePowerEverywhere();
    }

    @Test
    void adaptersAreWholeInBothForms() throws Exception {
        try (Stores stores = Stores.open(files.root())) {
            AdapterStore.Saved plain = stores.adapters().save("one", adapter(1));
            promise("plain", now -> now.adapters().read("one", plain.hash(), false));
            AdapterStore.Saved small = stores.adapters()
                    .saveCompressed("one", adapter(1), CompressionSettings.of(0.5))
                    .saved();
            promise("small", now -> now.adapters().read("one", small.hash(), true));
            stores.adapters()
                    .saveManifest("one", JsonBody.MAPPER.createObjectNode().put("current", "x"));
            promise("manifest", now -> assertThat(now.adapters().manifests()).containsOnlyKeys("one"));
            for (String name : List.of("plain", "small", "manifest")) {
                recording.begins(name);
            }
            stores.adapters().delete("one");
            promise("manifest", now -> assertThat(now.adapters().manifests()).isEmpty());
        }
        loseThePowerEverywhere();
    }

    @Test
    void checkpointsAreWholeAndStayPublished() throws Exception {
        ObjectMapper json = JsonBody.MAPPER;
        try (Stores stores = Stores.open(files.root())) {
            ObjectNode job = json.createObjectNode().put("id", JOB);
            stores.jobs()
                    .create(
                            job,
                            new JobStore.Inputs(Set.of(), List.of(), List.of()),
                            stores.files(),
                            stores.adapters());
            for (int step : List.of(2, 4)) {
                JobCheckpoint checkpoint = checkpoint(step);
                recording.begins("latest");
                stores.checkpoints()
                        .save(JOB, checkpoint, json.createObjectNode().put("step_number", step));
                promise(
                        "latest",
                        now -> assertThat(now.checkpoints().latest(JOB).orElseThrow())
                                .usingRecursiveComparison()
                                .isEqualTo(checkpoint));
                stores.checkpoints().setPublished(JOB, step);
                promise(
                        "published " + step,
                        now -> assertThat(now.checkpoints().unpublished(JOB)).doesNotContainKey(step));
            }
            stores.checkpoints().delete(JOB, 2);
            promise(
                    "objects",
                    now -> assertThat(now.checkpoints().objects(JOB))
                            .extracting(object -> object.path("step_number").asInt())
                            .containsExactly(4));
        }
        loseThePowerEverywhere();
    }

    private static JobCheckpoint checkpoint(int step) {
        return new JobCheckpoint(
                step,
                adapter(step),
                Optional.empty(),
                new OptimizerState(step, new TreeMap<>(Map.of("first", new byte[] {1, 2, 3}))),
                Optional.of(new Best(step - 1, 0.5, adapter(step - 1))),
                0.5,
                0,
                List.of(),
                100,
                new Scores(0.25, OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty()),
                Optional.empty(),
                LearningState.NONE,
                Trajectories.NONE);
    }

    @Test
    void anUploadThatWasNotFinishedIsGoneAndOneThatWasAcknowledgedIsNot() throws Exception {
        try (Stores stores = Stores.open(files.root())) {
            upload(stores, "whole");
            try (ScratchDirectory scratch = ScratchDirectory.in(stores.data().uploads())) {
                Files.writeString(scratch.path().resolve("adapter_model.safetensors"), "of a request");
            }
            Files.writeString(stores.data().uploads().resolve("half"), "of a bod");
            promise("nothing", now -> assertThat(now.data().uploads()).isEmptyDirectory());
        }
        loseThePowerEverywhere();
    }

    @Test
    void whatWasFoundOfAnAdapterStaysWithIt() throws Exception {
        try (Stores stores = Stores.open(files.root())) {
            AdapterStore.Saved saved = stores.adapters().save("one", adapter(1));
            ObjectNode report = JsonBody.MAPPER.createObjectNode().put("norm", 1.5);
            stores.adapters().saveReport("one", saved.hash(), report);
            promise(
                    "report",
                    now -> assertThat(now.adapters().loadReport("one", saved.hash()))
                            .isEqualTo(report));
        }
        loseThePowerEverywhere();
    }

    @Test
    void aWriteThatIsNotForcedIsFound() throws Exception {
        Path target = files.root().resolve("target");
        Path unfinished = Files.writeString(files.root().resolve("unfinished"), "all of it");
        Files.move(unfinished, target, StandardCopyOption.ATOMIC_MOVE);
        AtomicFiles.sync(files.root());
        recording.promise("target", root -> assertThat(root.resolve("target")).hasContent("all of it"));
        loseThePowerEverywhere();
        recording.begins("target");
        Files.writeString(files.root().resolve("other"), "more");
        recording.promise("other", root -> assertThat(root.resolve("other")).hasContent("more"));
        assertThatThrownBy(this::loseThePowerEverywhere).hasMessageContaining("lost after change");
    }
}
