package io.tandem.server.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.StoredType;
import io.tandem.server.remote.LocalHub.Seen;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models of a hub over real sockets, with all that goes wrong there. */
@Timeout(60)
class HubTest {
    private static final HubName NAME = HubName.parse("org/tiny").orElseThrow();
    private static final String WEIGHTS = "model.safetensors";

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    @TempDir
    private Path directory;

    private LocalHub server;
    private Path model;
    private byte[] weights;

    @BeforeEach
    void start() throws IOException {
        server = new LocalHub();
        model = directory.resolve("model");
        TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1).write(model);
        weights = Files.readAllBytes(model.resolve(WEIGHTS));
        server.publish("org/tiny", model);
        for (String other : List.of("pytorch_model.bin", "model.gguf", "original/model.safetensors", "README.md")) {
            server.publish("org/tiny", other, new byte[] {1});
        }
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private Path cache() {
        return directory.resolve("home/hub/models--org--tiny");
    }

    private Hub hub(String... variables) {
        Map<String, String> environment = new LinkedHashMap<>();
        environment.put("HF_ENDPOINT", server.url() + "/");
        environment.put("HF_HOME", directory.resolve("home").toString());
        for (String variable : variables) {
            String[] parts = variable.split("=", 2);
            environment.put(parts[0], parts[1]);
        }
        return new Hub(HubSettings.of(environment), Duration.ofMillis(1));
    }

    private Path fetch(String... variables) throws IOException {
        return hub(variables).model(NAME, LoadProgress.NONE);
    }

    private Unavailable refused(String name, String... variables) {
        return catchThrowableOfType(
                Unavailable.class,
                () -> hub(variables).model(HubName.parse(name).orElseThrow(), LoadProgress.NONE));
    }

    private void isWhole(Path snapshot) throws IOException {
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.toList()) {
                assertThat(snapshot.resolve(file.getFileName())).hasSameBinaryContentAs(file);
            }
        }
    }

    @Test
    void theCacheHasTheLayoutOfOtherTools() throws IOException {
        List<long[]> shown = new ArrayList<>();
        Path snapshot = hub().model(NAME, (done, total) -> shown.add(new long[] {done, total}));
        isWhole(snapshot);
        assertThat(snapshot).isEqualTo(cache().resolve("snapshots").resolve(LocalHub.COMMIT));
        assertThat(cache().resolve("refs/main")).hasContent(LocalHub.COMMIT);
        assertThat(Files.readSymbolicLink(snapshot.resolve(WEIGHTS)))
                .isEqualTo(Path.of("../../blobs/" + LocalHub.sha256(weights)));
        assertThat(Files.readSymbolicLink(snapshot.resolve("config.json")))
                .isEqualTo(
                        Path.of("../../blobs/" + LocalHub.gitBlob(Files.readAllBytes(model.resolve("config.json")))));
        try (Stream<Path> files = Files.list(snapshot);
                Stream<Path> all = Files.list(model);
                Stream<Path> blobs = Files.list(cache().resolve("blobs"))) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrderElementsOf(
                            all.map(file -> file.getFileName().toString()).toList());
            assertThat(blobs.map(Path::toString)).noneMatch(blob -> blob.endsWith("incomplete"));
        }
        assertThat(shown.get(shown.size() - 1)).containsExactly(weights.length, weights.length);
    }

    @Test
    void shardsAreThoseOfTheIndex() throws IOException {
        Path sharded = directory.resolve("sharded");
        TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1).write(sharded, StoredType.F32, 3);
        server.publish("org/sharded", sharded);
        server.publish("org/sharded", "consolidated.safetensors", new byte[] {1});
        Path snapshot = hub().model(HubName.parse("org/sharded").orElseThrow(), LoadProgress.NONE);
        try (Stream<Path> files = Files.list(snapshot)) {
            assertThat(files.map(file -> file.getFileName().toString()).filter(file -> file.endsWith(".safetensors")))
                    .containsExactlyInAnyOrder(
                            "model-00001-of-00003.safetensors",
                            "model-00002-of-00003.safetensors",
                            "model-00003-of-00003.safetensors");
        }
    }

    @Test
    void theTokenIsForTheHubAlone() throws IOException {
        server.require("hf_secret");
        isWhole(fetch("HF_TOKEN=hf_secret"));
        Map<Boolean, List<Seen>> byHost = server.seen().stream()
                .collect(Collectors.partitioningBy(request -> request.host().equals("hub")));
        assertThat(byHost.get(true))
                .isNotEmpty()
                .allMatch(seen -> seen.authorization().equals("Bearer hf_secret"));
        assertThat(byHost.get(false))
                .isNotEmpty()
                .allMatch(seen -> seen.authorization().isEmpty());
    }

    @Test
    void theTokenMayBeInAFile() throws IOException {
        server.require("hf_file");
        Files.createDirectories(directory.resolve("home"));
        Files.writeString(directory.resolve("home/token"), "hf_file\n");
        isWhole(fetch());
    }

    @Test
    void aCutConnectionGoesOnWhereItEnded() throws IOException {
        int half = weights.length / 2;
        List<Integer> cuts = new ArrayList<>(List.of(half, 1000));
        server.fault((file, length) -> file.equals(WEIGHTS) && !cuts.isEmpty() ? cuts.remove(0) : length);
        isWhole(fetch());
        assertThat(server.fetched(WEIGHTS).stream().map(Seen::range))
                .containsExactly("", "bytes=" + half + "-", "bytes=" + (half + 1000) + "-");
    }

    @Test
    void whatAKilledProcessLeftIsUsed() throws IOException {
        Path begun = cache().resolve("blobs/" + LocalHub.sha256(weights) + ".tandem.incomplete");
        Files.createDirectories(begun.getParent());
        Files.write(begun, Arrays.copyOf(weights, 777));
        isWhole(fetch());
        assertThat(server.fetched(WEIGHTS).stream().map(Seen::range)).containsExactly("bytes=777-");
    }

    @ParameterizedTest
    @ValueSource(ints = {500, 1 << 20})
    void whatIsWrongInWhatWasLeftIsFetchedAgain(int bytes) throws IOException {
        Path begun = cache().resolve("blobs/" + LocalHub.sha256(weights) + ".tandem.incomplete");
        Files.createDirectories(begun.getParent());
        Files.write(begun, new byte[bytes]);
        isWhole(fetch());
    }

    @Test
    void aServerWithoutRangesBeginsAgain() throws IOException {
        server.withoutRanges();
        List<Integer> cuts = new ArrayList<>(List.of(5000));
        server.fault((file, length) -> file.equals(WEIGHTS) && !cuts.isEmpty() ? cuts.remove(0) : length);
        isWhole(fetch());
    }

    @Test
    void aWrongChecksumIsTriedOnceMoreAndThenNamed() throws IOException {
        server.change(content -> {
            byte[] changed = content.clone();
            changed[changed.length - 1] ^= 1;
            return changed;
        });
        Unavailable refusal = refused("org/tiny");
        assertThat(refusal.reason()).isEqualTo(Unavailable.Reason.DAMAGED);
        assertThat(refusal).hasMessageContaining("config.json").hasMessageContaining("checksum");
        assertThat(server.fetched("config.json")).hasSize(2);
        assertThat(refused("org/tiny", "HF_HUB_OFFLINE=1").reason()).isEqualTo(Unavailable.Reason.ABSENT);
        server.change(content -> content);
        isWhole(fetch());
    }

    @Test
    void aFileMayNotBeLongerThanAnnounced() {
        server.change(content -> Arrays.copyOf(content, content.length + 1));
        assertThat(refused("org/tiny")).hasMessageContaining("longer than the announced");
    }

    @Test
    void whatTheDiskCannotHoldIsNotBegun() {
        server.announce(1L << 50);
        assertThatThrownBy(this::fetch).hasMessageContaining("MB free").hasMessageContaining("HF_HUB_CACHE");
        assertThat(server.fetched(WEIGHTS)).isEmpty();
    }

    @Test
    void whatIsClosedSaysHowToOpenIt() throws IOException {
        server.require("hf_right");
        Unavailable nameless = refused("org/tiny");
        assertThat(nameless.reason()).isEqualTo(Unavailable.Reason.DENIED);
        assertThat(nameless)
                .hasMessageContaining("set HF_TOKEN")
                .hasMessageContaining("accept the model's licence on " + server.url() + "/org/tiny");
        assertThat(refused("org/tiny", "HF_TOKEN=hf_wrong"))
                .hasMessageContaining("check the token in HF_TOKEN")
                .hasMessageNotContaining("hf_wrong");
    }

    @Test
    void whatIsNotThereIsNamed() {
        Unavailable unknown = refused("org/none");
        assertThat(unknown.reason()).isEqualTo(Unavailable.Reason.ABSENT);
        assertThat(unknown).hasMessageContaining("no repository 'org/none'").hasMessageContaining("set HF_TOKEN");
        assertThat(refused("org/none", "HF_TOKEN=a")).hasMessageContaining("no repository 'org/none'");
        assertThat(refused("org/tiny@v2")).hasMessageContaining("no revision 'v2'");
        server.publish("org/other", "config.json", new byte[] {1});
        assertThat(refused("org/other")).hasMessageContaining("no model.safetensors");
        server.publish("org/data", "data.csv", new byte[] {1});
        assertThat(refused("org/data")).hasMessageContaining("no config.json");
    }

    @Test
    void aRevisionIsKeptUnderItsName() throws IOException {
        HubName pull = HubName.parse("org/tiny@refs/pr/1").orElseThrow();
        isWhole(hub().model(pull, LoadProgress.NONE));
        assertThat(cache().resolve("refs/refs/pr/1")).hasContent(LocalHub.COMMIT);
        int asked = server.seen().size();
        isWhole(hub().model(HubName.parse("org/tiny@" + LocalHub.COMMIT).orElseThrow(), LoadProgress.NONE));
        assertThat(server.seen()).hasSize(asked);
    }

    @Test
    void anOverloadedHubIsAskedAgain() throws IOException {
        server.refuse(503, 429, 500);
        isWhole(fetch());
    }

    @Test
    void aHubThatDoesNotAnswerIsGivenUp() {
        server.refuse(503, 503, 503, 503, 503);
        Unavailable refusal = refused("org/tiny");
        assertThat(refusal.reason()).isEqualTo(Unavailable.Reason.UNREACHABLE);
        assertThat(refusal).hasMessageContaining("answered 503");
        String url = server.url();
        server.close();
        assertThat(refused("org/tiny").reason()).isEqualTo(Unavailable.Reason.UNREACHABLE);
        assertThat(refused("org/tiny")).hasMessageContaining(url);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../config.json",
                "/etc/config.json",
                "a/../../config.json",
                "a//b",
                "..\\config.json",
                "c:x",
                "a\0b"
            })
    void aNameThatLeavesTheRepositoryIsRefused(String file) throws IOException {
        server.publish("org/tiny", file, new byte[] {1});
        assertThat(refused("org/tiny")).hasMessageContaining("outside of it");
        assertThat(directory.resolve("home/hub/models--org--tiny/snapshots")).doesNotExist();
    }

    @Test
    void whatIsThereNeedsNoHub() throws IOException {
        fetch();
        int asked = server.seen().size();
        isWhole(fetch());
        assertThat(server.seen()).hasSize(asked);
        server.close();
        isWhole(fetch("HF_HUB_OFFLINE=1"));
        Unavailable other = refused("org/tiny@v1", "HF_HUB_OFFLINE=1");
        assertThat(other.reason()).isEqualTo(Unavailable.Reason.ABSENT);
        assertThat(other).hasMessageContaining("HF_HUB_OFFLINE");
    }

    /** Another tool has fetched the model, under its own revision and with plain files instead of links. */
    @Test
    void theCacheOfAnotherToolIsUsedAsItIs() throws IOException {
        String commit = "89abcdef".repeat(5);
        Path snapshot = Files.createDirectories(cache().resolve("snapshots/" + commit));
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.toList()) {
                Files.copy(file, snapshot.resolve(file.getFileName()));
            }
        }
        Files.createDirectories(cache().resolve("refs"));
        Files.writeString(cache().resolve("refs/main"), commit);
        assertThat(fetch()).isEqualTo(snapshot);
        assertThat(server.seen()).isEmpty();
    }

    @Test
    void aBlobThatWasDeletedIsFetchedAgain() throws IOException {
        fetch();
        Files.delete(cache().resolve("blobs/" + LocalHub.sha256(weights)));
        isWhole(fetch());
        assertThat(server.fetched(WEIGHTS)).hasSize(2);
        assertThat(server.fetched("config.json")).hasSize(1);
    }

    @Test
    void manyAtOnceFetchOnce() throws Exception {
        List<CompletableFuture<Path>> all = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            all.add(CompletableFuture.supplyAsync(() -> {
                try {
                    return fetch();
                } catch (IOException e) {
                    throw new CompletionException(e);
                }
            }));
        }
        for (CompletableFuture<Path> one : all) {
            isWhole(one.get());
        }
        assertThat(server.fetched(WEIGHTS)).hasSize(1);
    }

    /** Whatever breaks, and however often: in the end every byte is right. */
    @Test
    void anyNumberOfFaultsCostsNothingButTime() throws IOException {
        Random random = seeded.random();
        server.fault((file, length) -> random.nextInt(3) == 0 ? length : random.nextInt(length + 1));
        for (int i = 0; i < 20; i++) {
            server.refuse(List.of(500, 502, 503, 504).get(random.nextInt(4)));
        }
        Path snapshot = null;
        for (int i = 0; i < 30 && snapshot == null; i++) {
            try {
                snapshot = fetch();
            } catch (Unavailable e) {
                assertThat(e.reason()).isEqualTo(Unavailable.Reason.UNREACHABLE);
            }
        }
        assertThat(snapshot).isNotNull();
        isWhole(snapshot);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a",
                "a/b/c",
                "../b",
                "a/..",
                ".a/b",
                "a/b@",
                "a/b@../x",
                "a/b@x//y",
                "a--x/b",
                "a/b@x/",
                "-a/b",
                "a b/c",
                "/a",
                ""
            })
    void whatIsNoNameIsNone(String text) {
        assertThat(HubName.parse(text)).isEmpty();
    }

    @Test
    void anEndpointThatIsNoneIsNamed() {
        IllegalArgumentException refusal = catchThrowableOfType(
                IllegalArgumentException.class, () -> HubSettings.of(Map.of("HF_ENDPOINT", "huggingface.co")));
        assertThat(refusal).hasMessageContaining("HF_ENDPOINT is 'huggingface.co'");
        assertThat(HubSettings.of(Map.of("HF_TOKEN", "hf_secret")).toString()).doesNotContain("hf_secret");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"weight_map\":{\"a\":\"../x.safetensors\"}}", "{\"weight_map\":[]}", "[", "{}"})
    void anIndexOfAStrangerNamesNothingElse(String index) {
        server.publish("org/odd", "config.json", bytes("{}"));
        server.publish("org/odd", "model.safetensors.index.json", bytes(index));
        assertThat(refused("org/odd").reason()).isIn(Unavailable.Reason.ABSENT, Unavailable.Reason.DAMAGED);
    }
}
