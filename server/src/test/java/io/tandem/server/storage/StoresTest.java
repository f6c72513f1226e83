package io.tandem.server.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.compeft.CompressionSettings;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.AdapterStore.Named;
import io.tandem.server.storage.blob.Blobs;
import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StoresTest {
    @TempDir
    private Path root;

    private Storage storage;

    @BeforeEach
    void open() throws IOException {
        storage = StoredData.open(root);
    }

    @AfterEach
    void close() {
        storage.close();
    }

    private AdapterStore adapters(TinyModel model) {
        return new AdapterStore(storage, TenantId.DEFAULT, root, model.config(), 8);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                "..",
                "../x",
                "a/../b",
                "/etc",
                "-x",
                "a b",
                "a\\b",
                "a\u0000",
                "a//b",
                "%2F",
                "a+b",
                "a@0123456789ab"
            })
    void hostileNamesAreRefused(String name) {
        assertThat(SafeName.allowed(name)).isFalse();
        assertThatThrownBy(() -> SafeName.encode(name)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "ft:sample:json:1a2b", "org/name@v1", "A_b.c-d"})
    void allowedNamesComeBack(String name) {
        String directory = SafeName.encode(name);
        assertThat(directory).doesNotContain("/").doesNotContain(":");
        assertThat(SafeName.decode(directory)).isEqualTo(name);
    }

    @ParameterizedTest
    @ValueSource(strings = {"file-x", "../secret", "file-000000000000000000000000", ""})
    void onlyIdsOfFilesAreFiles(String id) throws IOException {
        Files.writeString(root.resolve("secret"), "x");
        assertThat(StoredData.files(storage).find(id)).isEmpty();
    }

    /** Nobody who stores a version learns that its adapter is deleted at this moment. */
    @Test
    void aVersionIsStoredWhileItsAdapterIsDeleted() throws Exception {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        AdapterStore store = adapters(model);
        Adapter adapter = TinyAdapters.random(model.config(), LoraConfig.allLinears(), 1, 1);
        ExecutorService deleter = Executors.newSingleThreadExecutor();
        try {
            AtomicBoolean stored = new AtomicBoolean();
            Future<Integer> deletions = deleter.submit(() -> {
                int count = 0;
                while (!stored.get()) {
                    store.delete("one");
                    count++;
                }
                return count;
            });
            for (int i = 0; i < 100; i++) {
                assertThat(store.saveCompressed("one", adapter, CompressionSettings.of(0.5))
                                .saved()
                                .bytes())
                        .isPositive();
            }
            stored.set(true);
            assertThat(deletions.get()).isPositive();
        } finally {
            deleter.shutdown();
        }
    }

    /** Of a store that, while it is away, deletes nothing, and puts something but does not say so. */
    private Blobs blobs(AtomicBoolean away) {
        return (Blobs) Proxy.newProxyInstance(
                Blobs.class.getClassLoader(), new Class<?>[] {Blobs.class}, (proxy, method, arguments) -> {
                    UnreachableException failure = new UnreachableException("away", new IOException());
                    if (away.get() && method.getName().equals("delete")) {
                        throw failure;
                    }
                    try {
                        Object answer = method.invoke(new DiskBlobs(root), arguments);
                        if (away.get() && method.getName().equals("put")) {
                            throw failure;
                        }
                        return answer;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    @Test
    void aVersionThatNobodyKnowsOfIsGoneAfterTheNextStartUnlessItIsWantedAgain() throws IOException {
        storage.close();
        AtomicBoolean away = new AtomicBoolean(true);
        storage = new Storage(StoredData.documentsOf(root), blobs(away));
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        AdapterStore store = adapters(model);
        Adapter adapter = TinyAdapters.random(model.config(), LoraConfig.allLinears(), 2, 1);
        ContentHash hash = ContentHash.of(adapter);
        for (String name : List.of("gone", "wanted")) {
            assertThatThrownBy(() -> store.save(name, adapter)).isInstanceOf(UnreachableException.class);
        }
        assertThat(store.read("gone", hash, false).parameters()).isPositive();
        away.set(false);
        assertThat(store.save("wanted", adapter).hash()).isEqualTo(hash);
        storage.close();
        storage = StoredData.open(root);
        storage.sweep();
        AdapterStore reopened = adapters(model);
        assertThatThrownBy(() -> reopened.read("gone", hash, false)).isInstanceOf(AdapterFormatException.class);
        assertThat(ContentHash.of(reopened.read("wanted", hash, false))).isEqualTo(hash);
    }

    /** As it is in a store that was away when the version was deleted. */
    @Test
    void aVersionThatCouldNotBeDeletedAndIsWantedAgainStays() throws IOException {
        storage.close();
        AtomicBoolean away = new AtomicBoolean();
        storage = new Storage(StoredData.documentsOf(root), blobs(away));
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        AdapterStore store = adapters(model);
        Adapter adapter = TinyAdapters.random(model.config(), LoraConfig.allLinears(), 2, 1);
        ContentHash kept = store.save("kept", adapter).hash();
        ContentHash gone = store.save("gone", adapter).hash();
        away.set(true);
        store.delete("kept", kept);
        store.delete("gone", gone);
        assertThat(store.save("kept", adapter).hash()).isEqualTo(kept);
        storage.close();
        storage = StoredData.open(root);
        storage.sweep();
        AdapterStore reopened = adapters(model);
        assertThat(ContentHash.of(reopened.read("kept", kept, false))).isEqualTo(kept);
        assertThatThrownBy(() -> reopened.read("gone", gone, false)).isInstanceOf(AdapterFormatException.class);
    }

    @Test
    void adaptersComeBackInBothFormsUnderTheirHash() throws IOException {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        AdapterStore store = adapters(model);
        Adapter adapter = TinyAdapters.mixedRanks(model.config(), LoraConfig.allLinears(), 8, 1);
        AdapterStore.Saved plain = store.save("ft:tiny:good:1", adapter);
        assertThat(plain.hash()).isEqualTo(ContentHash.of(adapter));
        assertThat(ContentHash.of(store.read("ft:tiny:good:1", plain.hash(), false)))
                .isEqualTo(plain.hash());
        AdapterStore.Saved small = store.saveCompressed("ft:tiny:good:1", adapter, CompressionSettings.of(0.2))
                .saved();
        assertThat(small.bytes()).isLessThan(plain.bytes() / 8);
        assertThat(ContentHash.of(store.read("ft:tiny:good:1", small.hash(), true)))
                .isEqualTo(small.hash());
    }

    @Test
    void whatAdaptersStandOnComesBackInItsOrder() throws IOException {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        AdapterStore store = adapters(model);
        List<Named> under = List.of(
                new Named("org/a:b", TinyAdapters.random(model.config(), LoraConfig.allLinears(), 2, 2)),
                new Named("a", TinyAdapters.random(model.config(), LoraConfig.allLinears(), 2, 3)));
        store.writeAll(storage.blobs(), "jobs/ftjob-1/under/", under);
        assertThat(store.readAll("jobs/ftjob-1/under/"))
                .usingRecursiveComparison()
                .isEqualTo(under);
    }

    @Test
    void aChangedAdapterIsRefusedWhenItIsRead() throws IOException {
        TinyModel model = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        AdapterStore store = adapters(model);
        AdapterStore.Saved saved = store.save("a", TinyAdapters.random(model.config(), LoraConfig.allLinears(), 4, 1));
        Path weights = store.withFiles("a", saved.hash(), files -> files.resolve("adapter_model.safetensors"));
        byte[] bytes = Files.readAllBytes(weights);
        bytes[bytes.length - 4] ^= 1;
        Files.write(weights, bytes);
        assertThatThrownBy(() -> store.read("a", saved.hash(), false))
                .isInstanceOf(AdapterFormatException.class)
                .hasMessageContaining("changed or damaged");
        Files.write(weights, Arrays.copyOf(bytes, 1000));
        assertThatThrownBy(() -> store.read("a", saved.hash(), false)).isInstanceOf(AdapterFormatException.class);
    }

    @Test
    void aBrokenManifestDoesNotHideTheOthers() throws IOException {
        AdapterStore store = adapters(TinyModel.of(TinyModel.Variant.LLAMA, 1));
        store.saveManifest("good", JsonBody.MAPPER.createObjectNode());
        store.saveManifest("bad", JsonBody.MAPPER.createObjectNode());
        StoredData.change(root, "adapters", "default/bad", body -> "{");
        Files.createDirectories(root.resolve("adapters/begun"));
        assertThat(store.manifests()).containsOnlyKeys("good");
    }

    @Test
    void anEventThatIsDamagedIsLeftOut() throws IOException {
        JobStore jobs = new JobStore(storage, root.resolve("jobs"));
        ObjectNode job = JsonBody.MAPPER.createObjectNode().put("id", "ftjob-1");
        jobs.save(job);
        jobs.append("ftjob-1", JsonBody.MAPPER.createObjectNode().put("message", "whole"));
        StoredData.append(root, "events/ftjob-1", "{\"message\":\"cu");
        jobs.append("ftjob-1", JsonBody.MAPPER.createObjectNode().put("message", "after"));
        assertThat(jobs.events("ftjob-1", null, 10).orElseThrow())
                .extracting(event -> event.path("message").asText())
                .containsExactly("after", "whole");
        jobs.save(JsonBody.MAPPER.createObjectNode().put("id", "ftjob-2"));
        StoredData.change(root, "jobs", "ftjob-2", body -> "{");
        assertThat(jobs.loadAll()).containsExactly(job);
    }
}
