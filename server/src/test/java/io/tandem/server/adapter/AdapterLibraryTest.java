package io.tandem.server.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.compeft.CompressionSettings;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.TenantId;
import io.tandem.server.config.AdaptersConfig;
import io.tandem.server.storage.AdapterStore;
import io.tandem.server.storage.Storage;
import io.tandem.server.storage.StoredData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class AdapterLibraryTest {
    private static final TinyModel MODEL = TinyModel.of(TinyModel.Variant.LLAMA, 1);
    private static final AdaptersConfig CONFIG = new AdaptersConfig(1 << 20, 0, 2, 3600, 0.3);

    @TempDir
    private Path root;

    private final Set<ContentHash> pinned = ConcurrentHashMap.newKeySet();
    private final SettableClock clock = new SettableClock();
    private AdapterLibrary library;
    private LibraryResources resources;
    private Storage storage;

    /** Time that a test moves. */
    private static final class SettableClock extends Clock {
        private volatile Instant now = Instant.ofEpochSecond(1_000_000);

        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }

    private String identity = "one";

    /** The scaling of adapters that the device refuses. */
    private static final double UNFIT = 3;

    @BeforeEach
    void open() throws IOException {
        NoDevice device = new NoDevice() {
            @Override
            public AdapterVersion prepare(String name, ContentHash hash, Adapter adapter) {
                if (adapter.factors().values().stream().anyMatch(factors -> factors.scaling() == UNFIT)) {
                    throw new IllegalArgumentException("its scaling is too much");
                }
                return super.prepare(name, hash, adapter);
            }

            @Override
            public void pin(AdapterVersion version) {
                pinned.add(version.hash());
            }

            @Override
            public void unpin(AdapterVersion version) {
                pinned.remove(version.hash());
            }
        };
        Files.createDirectories(adapters());
        storage = StoredData.open(root);
        AdapterStore store = new AdapterStore(
                storage, TenantId.DEFAULT, Files.createDirectories(root.resolve("scratch")), MODEL.config(), 8);
        resources = new LibraryResources(
                CONFIG, new BaseModel("base", identity), 1, device, new SimpleMeterRegistry(), clock);
        library = new AdapterLibrary(store, TenantId.DEFAULT, resources);
    }

    private Path adapters() {
        return root.resolve("adapters");
    }

    @AfterEach
    void close() {
        resources.close();
        storage.close();
    }

    private static Adapter adapter(long seed) {
        return TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, seed);
    }

    private AdapterChoice publish(String name, long seed, Adapter... under) {
        library.publishTrained(name, adapter(seed), List.of(under), "test").join();
        return library.choose(name, "").orElseThrow();
    }

    private long files(String name) throws IOException {
        long documents = StoredData.documents(root).stream()
                .filter(names -> (names.get(1) + "/").startsWith("default/" + name + "/"))
                .count();
        try (Stream<Path> files = Files.list(adapters().resolve(name))) {
            return files.count() + documents;
        }
    }

    @Test
    void whatStandsOnOthersComesWithThemAlsoAfterARestart() throws IOException {
        AdapterChoice top = publish("top", 1, adapter(2), adapter(3));
        List<ContentHash> expected =
                List.of(ContentHash.of(adapter(2)), ContentHash.of(adapter(3)), ContentHash.of(adapter(1)));
        assertThat(library.stack(top).join()).extracting(AdapterVersion::hash).isEqualTo(expected);
        resources.close();
        open();
        assertThat(library.stack(library.choose("top", "").orElseThrow()).join())
                .extracting(AdapterVersion::hash)
                .isEqualTo(expected);
        assertThatThrownBy(() -> library.pin("top", true).join()).hasCauseInstanceOf(ApiException.class);
    }

    @Test
    void whatTheDeviceCannotHoldIsRefusedBeforeTheEngineHearsOfIt() {
        Adapter unfit = scaled(adapter(1), UNFIT);
        library.publish("unfit", unfit, "test", AdapterLibrary.WHOLE).join();
        AdapterChoice choice = library.choose("unfit", "").orElseThrow();
        assertThatThrownBy(() -> library.load(choice).join())
                .cause()
                .isInstanceOfSatisfying(ApiException.class, refusal -> {
                    assertThat(refusal.status()).isEqualTo(409);
                    assertThat(refusal.code()).isEqualTo("adapter_broken");
                    assertThat(refusal).hasMessageContainingAll("unfit@", "its scaling is too much");
                });
        assertThatThrownBy(() -> library.prepared("merged", unfit))
                .isInstanceOf(AdapterFormatException.class)
                .hasMessageContainingAll("merged", "its scaling is too much");
    }

    @Test
    void whatWasMadeForAnotherBaseModelIsNotServedOnThisOne() throws IOException {
        publish("trained", 1, adapter(2));
        library.publishMade("merged", adapter(3), "test", AdapterLibrary.WHOLE).join();
        library.publish("imported", adapter(4), "test", AdapterLibrary.WHOLE).join();
        resources.close();
        identity = "two";
        open();
        for (String name : List.of("trained", "merged")) {
            AdapterChoice choice = library.choose(name, "").orElseThrow();
            assertThatThrownBy(() -> library.stack(choice).join())
                    .cause()
                    .isInstanceOfSatisfying(ApiException.class, refusal -> {
                        assertThat(refusal.status()).isEqualTo(409);
                        assertThat(refusal.code()).isEqualTo("adapter_of_other_model");
                        assertThat(refusal).hasMessageContainingAll(name + "@", "'base'");
                    });
            assertThat(library.weights(choice).join().name()).isEqualTo(name);
        }
        library.stack(library.choose("imported", "").orElseThrow()).join();
        assertThat(library.servable()).containsExactly("imported");
        assertThat(library.names()).containsExactly("imported", "merged", "trained");
        resources.close();
        identity = "one";
        open();
        assertThat(library.stack(library.choose("trained", "").orElseThrow()).join())
                .hasSize(2);
    }

    @Test
    void theCurrentVersionIsNotItsOwnCanary() {
        publish("a", 1);
        publish("a", 2);
        String current = library.require("a").currentVersion().shown();
        assertThatThrownBy(() -> library.publish("a", adapter(2), "test", 10).join())
                .hasMessageContainingAll("'canary_percent'", "a@" + current, "nothing to try");
        assertThatThrownBy(() -> library.canary("a", Optional.of(current), 10).join())
                .hasMessageContainingAll("'version'", "nothing to try");
        assertThat(library.require("a").canary()).isNull();
        library.publish("a", adapter(1), "test", 10).join();
        assertThat(library.require("a").canary()).isNotNull();
        assertThat(library.require("a").currentVersion().shown()).isEqualTo(current);
    }

    private static Adapter scaled(Adapter adapter, double scaling) {
        Map<Site, LowRank> modules = new TreeMap<>();
        adapter.factors()
                .forEach((site, old) -> modules.put(
                        site, new LowRank(old.rank(), old.inputs(), old.outputs(), old.a(), old.b(), scaling)));
        return new Adapter(adapter.config(), modules);
    }

    @Test
    void versionsThatGoTakeTheirFilesWithThem() throws IOException {
        publish("a", 1, adapter(9));
        publish("a", 2, adapter(9));
        // Manifest, two versions, their reports and prototypes, and what both stand on.
        assertThat(files("a")).isEqualTo(8);
        publish("a", 3);
        publish("a", 4);
        assertThat(files("a")).isEqualTo(7);
        library.delete("a").join();
        assertThat(adapters().resolve("a")).doesNotExist();
    }

    @Test
    void aStartReadsManifestsOnly() throws IOException {
        for (int i = 0; i < 20; i++) {
            publish("a" + i, i);
        }
        resources.close();
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.filter(path -> path.endsWith("adapter_model.safetensors"))
                    .toList()) {
                Files.delete(file);
            }
        }
        StoredData.change(root, "adapters", "default/a7", body -> "{}");
        open();
        assertThat(library.names()).hasSize(19).doesNotContain("a7");
        assertThatThrownBy(() ->
                        library.load(library.choose("a3", "").orElseThrow()).join())
                .hasCauseInstanceOf(ApiException.class);
    }

    @Test
    void whoHasChosenWhatIsDeletedMeanwhileIsToldSo() {
        AdapterChoice all = publish("a", 1);
        AdapterChoice old = publish("b", 2);
        resources.close();
        reopen();
        library.delete("a").join();
        publish("b", 3);
        library.deleteVersion(old).join();
        for (AdapterChoice choice : List.of(all, old)) {
            assertThatThrownBy(() -> library.load(choice).join())
                    .cause()
                    .isInstanceOfSatisfying(
                            ApiException.class, e -> assertThat(e.status()).isEqualTo(404));
        }
    }

    @Test
    void aDeletedVersionIsNotExported(@TempDir Path scratch) {
        AdapterChoice choice = publish("a", 1);
        KernelsConfig limits =
                new KernelsConfig(Dtype.FLOAT32, WeightForm.PLAIN, 1, 8, 256, 256, 4, 16, 256, Stash.KEEP);
        AdapterTransfer transfer = new AdapterTransfer(library, MODEL.config(), limits, root, scratch, 1 << 20);
        library.delete("a").join();
        assertThatThrownBy(() -> transfer.export(choice))
                .isInstanceOf(ApiException.class)
                .hasMessageContaining("was deleted");
        assertThat(scratch).isEmptyDirectory();
    }

    @Test
    void whatIsCompressedOfADeletedAdapterIsNotKept() {
        AdapterChoice choice = publish("a", 1);
        AdapterCompression compression = new AdapterCompression(library, CONFIG, file -> adapters -> {
            if (library.find("a").isPresent()) {
                library.delete("a").join();
            }
            return Scores.NONE;
        });
        AdapterCompression.Params params =
                new AdapterCompression.Params(CompressionSettings.of(0.5), Optional.of("file"), true);
        assertThatThrownBy(() -> compression.compress(choice, params).join())
                .cause()
                .isInstanceOf(ApiException.class)
                .hasMessageContaining("was deleted");
        assertThat(adapters()).isEmptyDirectory();
    }

    @ParameterizedTest
    @ValueSource(strings = {"adapter_model.safetensors", "adapter_config.json"})
    void aVersionThatIsDamagedIsRepairedByUploadingItAgain(String file) throws IOException {
        AdapterChoice choice = publish("a", 1);
        Path damaged = adapters().resolve("a").resolve(choice.version().hash()).resolve(file);
        Files.writeString(damaged, "{}");
        resources.close();
        reopen();
        assertThatThrownBy(() -> library.load(choice).join()).hasCauseInstanceOf(ApiException.class);
        publish("a", 1);
        assertThat(library.load(choice).join().hash()).isEqualTo(ContentHash.of(adapter(1)));
    }

    private void reopen() {
        try {
            open();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void neitherColdAdaptersNorNewOnesWaitForMerges() throws IOException {
        publish("cold", 1);
        reopen();
        CountDownLatch end = new CountDownLatch(1);
        for (int i = 0; i < 2 * library.workers().getParallelism(); i++) {
            library.workers().execute(() -> {
                try {
                    end.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
        }
        AdapterChoice cold = library.choose("cold", "").orElseThrow();
        assertThat(library.load(cold).join().hash()).isEqualTo(ContentHash.of(adapter(1)));
        publish("new", 2);
        library.pin("new", true).join();
        end.countDown();
    }

    /** Waits for the weights of what is to be pinned. */
    private void awaitPinned(long seed) {
        while (!pinned.equals(Set.of(ContentHash.of(adapter(seed))))) {
            Thread.onSpinWait();
        }
    }

    @Test
    void aPinFollowsTheCurrentVersion() {
        publish("a", 1);
        library.pin("a", true).join();
        assertThat(pinned).containsExactly(ContentHash.of(adapter(1)));
        publish("a", 2);
        awaitPinned(2);
        library.rollBack("a", Optional.empty()).join();
        awaitPinned(1);
        publish("b", 3);
        assertThatThrownBy(() -> library.pin("b", true).join()).hasMessageContaining("at most 1");
        library.delete("a").join();
        assertThat(pinned).isEmpty();
    }

    @Test
    void onlyWhatIsIdleIsCompressed() {
        AdapterCompression compression = new AdapterCompression(library, CONFIG, file -> {
            throw new AssertionError("nobody asked for a validation");
        });
        publish("idle", 1);
        publish("used", 2);
        publish("pinned", 3);
        library.pin("pinned", true).join();
        clock.now = clock.now.plusSeconds(3000);
        compression.compressIdle();
        library.choose("used", "");
        clock.now = clock.now.plusSeconds(1000);
        compression.compressIdle();
        assertThat(library.require("idle").versions()).singleElement().matches(StoredVersion::compressed);
        assertThat(library.require("used").versions()).singleElement().matches(version -> !version.compressed());
        assertThat(library.require("pinned").versions()).singleElement().matches(version -> !version.compressed());
    }

    @Test
    void aNameThatWouldReadAsAVersionOrAsTheBaseIsRefused() {
        for (String name : List.of("base", "a@0123456789ab", "a+b", "../a", "")) {
            assertThatThrownBy(() -> publish(name, 1)).as(name).hasCauseInstanceOf(ApiException.class);
        }
        assertThat(library.names()).isEmpty();
    }

    @Test
    void aRankThatTheDeviceDoesNotTakeIsRefusedAndLeavesNothing() throws IOException {
        Adapter large = TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 9, 1);
        assertThatThrownBy(() -> library.publish("large", large, "test", 100).join())
                .hasCauseInstanceOf(AdapterFormatException.class)
                .hasMessageContaining("rank 9");
        assertThat(library.names()).isEmpty();
        assertThat(adapters()).isEmptyDirectory();
    }
}
