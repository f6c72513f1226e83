package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.merge.Merge;
import io.tandem.kernels.adapter.merge.MergeMethod;
import io.tandem.kernels.adapter.merge.MergeSpec;
import io.tandem.kernels.adapter.merge.Merged;
import io.tandem.kernels.adapter.merge.Truncation;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.adapter.AdapterArchive;
import io.tandem.server.config.AdaptersConfig;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Adapters in and out of the server, merged, compressed and stacked. */
@Timeout(120)
class AdapterMakingIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final String CONFIG = "adapter_config.json";
    private static final String WEIGHTS = "adapter_model.safetensors";

    @TempDir
    private Path directory;

    private RunningServer server;
    private AdapterClient adapters;

    @BeforeEach
    void start() throws Exception {
        start(AdaptersConfig.DEFAULT);
    }

    private void start(AdaptersConfig config) throws Exception {
        server = RunningServer.start(directory, config);
        adapters = new AdapterClient(server, directory);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private static Adapter adapter(long seed) {
        return TinyAdapters.mixedRanks(MODEL.config(), LoraConfig.allLinears(), 6, seed);
    }

    private static Map<String, byte[]> unzip(byte[] zip) throws IOException {
        Map<String, byte[]> files = new LinkedHashMap<>();
        try (ZipInputStream in = new ZipInputStream(new ByteArrayInputStream(zip))) {
            for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
                files.put(entry.getName(), in.readAllBytes());
            }
        }
        return files;
    }

    private static byte[] zip(Map<String, byte[]> files) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream out = new ZipOutputStream(bytes)) {
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                out.putNextEntry(new ZipEntry(file.getKey()));
                out.write(file.getValue());
            }
        }
        return bytes.toByteArray();
    }

    private static String hash(JsonNode entry) {
        return entry.path("versions").path(0).path("hash").asText();
    }

    @Test
    void whatIsExportedComesInAgainWithTheSameHash() throws Exception {
        Adapter original = adapter(1);
        adapters.create("org/mine", original);
        String hash = hash(adapters.get("org%2Fmine"));
        assertThat(hash).isEqualTo(ContentHash.of(original).hex());
        byte[] zip = adapters.export("org%2Fmine");
        assertThat(hash(server.json(adapters.upload("zipped", Map.of("adapter.zip", zip)))))
                .isEqualTo(hash);
        assertThat(hash(server.json(adapters.upload("files", unzip(zip))))).isEqualTo(hash);
        assertThat(adapters.text("zipped")).isEqualTo(adapters.text("org/mine"));
    }

    @Test
    void hostileArchivesAreRefusedAndLeaveNothing() throws Exception {
        adapters.create("good", adapter(1));
        Map<String, byte[]> good = unzip(adapters.export("good"));
        byte[] config = good.get(CONFIG);
        byte[] weights = good.get(WEIGHTS);
        refused(Map.of("a.zip", zip(Map.of("../" + CONFIG, config, WEIGHTS, weights))));
        refused(Map.of("a.zip", zip(Map.of(CONFIG, config))));
        refused(Map.of("a.zip", zip(Map.of(CONFIG, config, WEIGHTS, weights, "adapter_model.bin", weights))));
        // A mebibyte of zeros is the limit of this server; this is 64 of them in 64 KiB.
        refused(Map.of("a.zip", zip(Map.of(CONFIG, config, WEIGHTS, new byte[64 << 20]))));
        refused(Map.of("a.zip", "no zip at all".getBytes(StandardCharsets.UTF_8)));
        refused(Map.of("a.zip", new byte[0]));
        refused(Map.of(CONFIG, config, WEIGHTS, Arrays.copyOf(weights, weights.length / 2)));
        refused(Map.of(CONFIG, "{\"peft_type\":5}".getBytes(StandardCharsets.UTF_8), WEIGHTS, weights));
        refused(Map.of(CONFIG, config));
        refused(Map.of(CONFIG, config, "adapter_model.bin", weights));
        refused(Map.of());
        assertThat(server.get("/v1/adapters/evil").statusCode()).isEqualTo(404);
        try (var left = Files.list(directory.resolve("data/scratch"))) {
            assertThat(left.filter(Files::isDirectory)).isEmpty();
        }
        assertThat(adapters.text("good")).isNotEmpty();
    }

    private void refused(Map<String, byte[]> files) throws Exception {
        HttpResponse<String> answer = adapters.upload("evil", files);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(AdapterClient.error(answer).path("param").asText()).isEqualTo("file");
    }

    @Test
    void aMergeOverHttpIsTheLibrarysAndEqualsTheSameMergeOnARequest() throws Exception {
        List<Adapter> members = List.of(adapter(1), adapter(2));
        adapters.create("a", members.get(0));
        adapters.create("b", members.get(1));
        String spec = "\"ids\":[\"a\",\"b\"],\"weights\":[1,0.5],\"merge_strategy\":\"ties\",\"density\":0.4";
        JsonNode saved = server.json(server.post("/v1/adapters/merge", "{\"name\":\"ab\"," + spec + "}"));
        Merged expected = Merge.of(MergeSpec.of(MergeMethod.TIES, 0.4)
                        .withWeights(List.of(1.0, 0.5))
                        .withTruncation(Truncation.toRank(16)))
                .apply(members);
        assertThat(hash(saved)).isEqualTo(ContentHash.of(expected.adapter()).hex());
        JsonNode report = saved.path("merge");
        assertThat(report.path("pruned_share").asDouble())
                .isCloseTo(expected.report().prunedShare(), Offset.offset(1e-12));
        assertThat(report.path("disagreeing_share").asDouble()).isPositive();
        String onRequest = ",\"merged_adapters\":{" + spec + "}";
        assertThat(adapters.text(RunningServer.MODEL, onRequest)).isEqualTo(adapters.text("ab"));
        double misses = adapters.metric("tandem_adapter_requests_total{result=\"miss\",tier=\"host\"}");
        assertThat(adapters.version(RunningServer.MODEL, onRequest)).startsWith("merged@");
        assertThat(adapters.metric("tandem_adapter_requests_total{result=\"miss\",tier=\"host\"}"))
                .isEqualTo(misses);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    404 | merged_adapters.ids            | {"ids":["nobody"]}
                    400 | merged_adapters.ids            | {"ids":[]}
                    400 | merged_adapters.weights        | {"ids":["a"],"weights":[1,2]}
                    400 | merged_adapters.merge_strategy | {"ids":["a"],"merge_strategy":"best"}
                    400 | merged_adapters.density        | {"ids":["a"],"merge_strategy":"ties"}
                    400 | merged_adapters.density        | {"ids":["a"],"merge_strategy":"ties","density":2}
                    400 | merged_adapters.colour         | {"ids":["a"],"colour":1}
                    400 | merged_adapters.max_rank       | {"ids":["a"],"max_rank":17}
                    400 | merged_adapters.ids            | {"ids":["a","a"],"weights":[1,-1]}
                    400 | merged_adapters.ids            | {"ids":["a"],"merge_strategy":"ternary_ties"}
                    400 | merged_adapters.seed           | {"ids":["a"],"merge_strategy":"ternary_ties","seed":1}
                    400 | merged_adapters                | 5
                    """)
    void wrongMergesNameTheField(int status, String field, String merge) throws Exception {
        adapters.create("a", adapter(1));
        HttpResponse<String> answer = adapters.ask(RunningServer.MODEL, ",\"merged_adapters\":" + merge);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        assertThat(AdapterClient.error(answer).path("param").asText()).isEqualTo(field);
    }

    @Test
    void whatIsNoProductOfFactorsServesButIsNeitherMergedNorCompressed() throws Exception {
        adapters.create("a", adapter(1));
        Map<String, Adapter> others = Map.of(
                "is changed by DoRA, which is", TinyAdapters.dora(MODEL.config(), 4, 7),
                "is changed by (IA)^3, which is", TinyAdapters.scales(MODEL.config(), 7),
                "has virtual tokens, which are", TinyAdapters.prompt(MODEL.config(), 5, 7));
        int number = 0;
        for (String why : others.keySet()) {
            String other = "other-" + number++;
            adapters.create(other, others.get(why));
            assertThat(adapters.text(other)).isNotEqualTo(adapters.text("a"));
            List<HttpResponse<String>> answers = List.of(
                    adapters.ask(RunningServer.MODEL, ",\"merged_adapters\":{\"ids\":[\"a\",\"" + other + "\"]}"),
                    server.post("/v1/adapters/" + other + "/compress", "{\"density\":0.3}"));
            for (HttpResponse<String> answer : answers) {
                assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
                assertThat(answer.body()).contains(why + " not a product of low-rank factors");
            }
        }
    }

    /** It is LoRA from then on, so it also answers as the LoRA adapter that PEFT would fold it to. */
    @Test
    void adaLoraIsServedCompressedAndExportedAsLora() throws Exception {
        Site site = new Site(1, TargetModule.DOWN_PROJ);
        int inputs = site.module().inputs(MODEL.config());
        int outputs = site.module().outputs(MODEL.config());
        float[] a = new float[2 * inputs];
        float[] b = new float[outputs * 2];
        for (int i = 0; i < a.length; i++) {
            a[i] = i % 7 - 3;
        }
        for (int i = 0; i < b.length; i++) {
            b[i] = i % 5 - 2;
        }
        String name = "base_model.model." + site;
        new PeftDirectory(directory.resolve("import/ada"), MODEL.config())
                .tensor(name + ".lora_A", new long[] {2, inputs}, a)
                .tensor(name + ".lora_B", new long[] {outputs, 2}, b)
                .tensor(name + ".lora_E", new long[] {2, 1}, 0.5f, -0.25f)
                .write("\"peft_type\":\"ADALORA\",\"init_r\":2,\"lora_alpha\":4,\"target_modules\":[\"down_proj\"]");
        assertThat(server.post("/v1/load_lora_adapter", "{\"lora_name\":\"ada\",\"lora_path\":\"ada\"}")
                        .statusCode())
                .isEqualTo(200);
        float[] folded = a.clone();
        for (int i = 0; i < folded.length; i++) {
            folded[i] *= i < inputs ? 0.5f : -0.25f;
        }
        LowRank product = new LowRank(2, inputs, outputs, folded, b, 4 / (2 + 1e-5));
        LoraConfig config = new LoraConfig(2, 4, false, Set.of(TargetModule.DOWN_PROJ), "");
        adapters.create("lora", new Adapter(config, Map.of(site, product)));
        assertThat(adapters.text("ada"))
                .isEqualTo(adapters.text("lora"))
                .isNotEqualTo(adapters.text(RunningServer.MODEL));
        assertThat(server.adapter("ada", MODEL.config()).factors().get(site).norm())
                .isCloseTo(product.norm(), Offset.offset(1e-4));
        assertThat(server.post("/v1/adapters/ada/compress", "{\"density\":0.3}").statusCode())
                .isEqualTo(200);
    }

    @Test
    void theFirstRanksOfAnAdapterAreAModel() throws Exception {
        Adapter whole = TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 6, 4);
        adapters.create("a", whole);
        adapters.create("two", whole.firstRanks(2));
        adapters.create("dora", TinyAdapters.dora(MODEL.config(), 4, 7));
        String two = adapters.text("two");
        HttpResponse<String> answer = adapters.ask("a:r2", "");
        assertThat(answer.headers().firstValue("X-Adapter-Version").orElseThrow())
                .matches("a@\\w+:r2");
        assertThat(adapters.text(
                        answer.headers().firstValue("X-Adapter-Version").orElseThrow()))
                .isEqualTo(two)
                .isNotEqualTo(adapters.text("a"));
        assertThat(adapters.text("a:r6")).isEqualTo(adapters.text("a"));
        assertThat(adapters.text(RunningServer.MODEL, ",\"adapters\":[\"a:r2\"]"))
                .isEqualTo(two);
        assertThat(adapters.text(RunningServer.MODEL, ",\"merged_adapters\":{\"ids\":[\"a:r2\"],\"weights\":[1]}"))
                .isEqualTo(two);
        HttpResponse<String> beyond = adapters.ask("a:r7", "");
        assertThat(beyond.statusCode()).isEqualTo(404);
        assertThat(beyond.body()).contains("'a' has 6 ranks");
        HttpResponse<String> magnitudes = adapters.ask("dora:r1", "");
        assertThat(magnitudes.statusCode()).isEqualTo(400);
        assertThat(magnitudes.body()).contains("is changed by DoRA");
        for (String nothing : List.of("a:r0", "a:r02", "a:r", "a:r99999", "a:r2:r2", "b:r2")) {
            assertThat(adapters.ask(nothing, "").statusCode()).as(nothing).isEqualTo(404);
        }
        assertThat(server.get("/v1/adapters/a:r2").statusCode()).isEqualTo(404);
        assertThat(server.get("/v1/adapters/a").statusCode()).isEqualTo(200);
    }

    @Test
    void theFirstRanksOfAnAdapterAreExportedAsOne() throws Exception {
        Adapter whole = TinyAdapters.mixedRanks(MODEL.config(), LoraConfig.allLinears(), 6, 4);
        adapters.create("a", whole);
        adapters.create("dora", TinyAdapters.dora(MODEL.config(), 4, 7));
        AdapterArchive.unpack(
                Files.write(directory.resolve("two.zip"), adapters.export("a:r2")),
                Files.createDirectories(directory.resolve("import/two")),
                1 << 20);
        Adapter exported = PeftFormat.read(directory.resolve("import/two"), MODEL.config(), 16);
        assertThat(exported.maxRank()).isEqualTo(2);
        assertThat(exported.lora().rank()).isEqualTo(2);
        server.json(server.post("/v1/adapters", "{\"name\":\"two\",\"path\":\"two\"}"));
        assertThat(adapters.text("two")).isEqualTo(adapters.text("a:r2")).isNotEqualTo(adapters.text("a"));
        String version = adapters.version("a:r2", "");
        assertThat(adapters.export(version)).isEqualTo(adapters.export("a:r2"));
        HttpResponse<String> beyond = server.get("/v1/adapters/a:r7/export");
        assertThat(beyond.statusCode()).isEqualTo(404);
        assertThat(beyond.body()).contains("'a' has 6 ranks");
        HttpResponse<String> magnitudes = server.get("/v1/adapters/dora:r1/export");
        assertThat(magnitudes.statusCode()).isEqualTo(400);
        assertThat(magnitudes.body()).contains("is changed by DoRA");
        assertThat(server.get("/v1/adapters/b:r2/export").statusCode()).isEqualTo(404);
        assertThat(server.delete("/v1/adapters/a:r2").statusCode()).isEqualTo(404);
    }

    @Test
    void aStackIsWhatItsConcatenationIs() throws Exception {
        adapters.create("lang", adapter(1));
        adapters.create("task", adapter(2));
        server.json(server.post(
                "/v1/adapters/merge", "{\"name\":\"both\",\"ids\":[\"lang\",\"task\"],\"merge_strategy\":\"cat\"}"));
        String both = adapters.text("both");
        assertThat(adapters.text(RunningServer.MODEL, ",\"adapters\":[\"lang\",\"task\"]"))
                .isEqualTo(both);
        assertThat(adapters.text("lang+task")).isEqualTo(both);
        assertThat(both).isNotIn(adapters.text("lang"), adapters.text("task"));
        HttpResponse<String> chat = server.post(
                "/v1/chat/completions",
                "{\"model\":\"" + RunningServer.MODEL + "\",\"adapters\":[\"lang\",\"task\"],\"max_tokens\":4,"
                        + "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}");
        assertThat(chat.statusCode()).as(chat.body()).isEqualTo(200);
        assertThat(chat.headers().firstValue("X-Adapter-Version").orElseThrow()).matches("lang@\\w+\\+task@\\w+");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    404 | adapters        | tiny   | "adapters":["nobody"]
                    400 | adapters        | tiny   | "adapters":"a"
                    400 | adapters        | tiny   | "adapters":["a","a"]
                    400 | model           | a      | "adapters":["a"]
                    400 | model           | a+a    | "n":1
                    404 | model           | a+b    | "n":1
                    404 | model           | a@000000000000 | "n":1
                    400 | merged_adapters | tiny   | "adapters":["a"],"merged_adapters":{"ids":["a"]}
                    """)
    void wrongStacksNameTheField(int status, String field, String model, String fields) throws Exception {
        adapters.create("a", adapter(1));
        HttpResponse<String> answer = adapters.ask(model, "," + fields);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        assertThat(AdapterClient.error(answer).path("param").asText()).isEqualTo(field);
    }

    @Test
    void aCompressedAdapterIsSmallServesWhatItDecodesToAndCanBeTakenBack() throws Exception {
        adapters.create("mine", adapter(1));
        String before = adapters.text("mine");
        JsonNode report = adapters.act("mine", "compress", "{\"density\":0.3}");
        assertThat(report.path("ratio_on_disk").asDouble()).isGreaterThan(8);
        assertThat(report.path("error").asDouble()).isBetween(0.01, 0.99);
        JsonNode entry = adapters.get("mine");
        assertThat(entry.path("version").asText())
                .isEqualTo(report.path("version").asText().replace("mine@", ""));
        JsonNode version = entry.path("versions").path(1);
        assertThat(version.path("form").asText()).isEqualTo("compressed");
        assertThat(version.path("bytes").asLong())
                .isEqualTo(report.path("bytes").asLong());
        // What is exported is decoded; it must answer with the same text.
        server.json(adapters.upload("decoded", Map.of("a.zip", adapters.export("mine"))));
        assertThat(hash(adapters.get("decoded"))).isEqualTo(version.path("hash").asText());
        String compressed = adapters.text("mine");
        assertThat(compressed).isEqualTo(adapters.text("decoded"));
        adapters.act("mine", "rollback", "");
        assertThat(adapters.text("mine")).isEqualTo(before);
    }

    @Test
    void compressedAdaptersMergeAsTheyAre() throws Exception {
        for (String name : List.of("a", "b")) {
            adapters.create(name, TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, name.hashCode()));
            adapters.act(name, "compress", "{\"density\":0.3,\"keep_original\":false}");
            assertThat(adapters.get(name).path("versions")).hasSize(1);
        }
        String spec = "\"ids\":[\"a\",\"b\"],\"merge_strategy\":\"ternary_ties\"";
        JsonNode merge = server.json(server.post("/v1/adapters/merge", "{\"name\":\"ab\"," + spec + "}"))
                .path("merge");
        assertThat(merge.path("merge_strategy").asText()).isEqualTo("ternary_ties");
        assertThat(merge.path("pruned_share").asDouble()).isBetween(0.69, 0.9);
        assertThat(merge.path("disagreeing_share").asDouble()).isBetween(0.001, 0.3);
        assertThat(merge.path("modules")).hasSize(14);
        assertThat(adapters.text(RunningServer.MODEL, ",\"merged_adapters\":{" + spec + "}"))
                .isEqualTo(adapters.text("ab"));
    }

    @Test
    void whatNobodyAskedForIsCompressedByItself() throws Exception {
        server.close();
        start(new AdaptersConfig(1 << 20, 0, 5, 0.05, 0.3));
        adapters.create("mine", adapter(1));
        JsonNode version = adapters.get("mine").path("versions");
        while (!version.path(0).path("form").asText().equals("compressed")) {
            Thread.sleep(20);
            version = adapters.get("mine").path("versions");
        }
        assertThat(version).hasSize(1);
        assertThat(adapters.text("mine")).isNotEmpty();
    }

    @Test
    void theDiskBudgetHolds() throws Exception {
        server.close();
        start(new AdaptersConfig(1 << 20, 40_000, 5, 0, 0.3));
        adapters.write("a", TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 16, 1));
        HttpResponse<String> answer = server.post("/v1/adapters", "{\"name\":\"a\",\"path\":\"a\"}");
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(507);
    }

    @Test
    void hostMemoryHoldsNoMoreThanItsBudget() throws Exception {
        server.close();
        start(new AdaptersConfig(100 << 10, 0, 5, 0, 0.3));
        for (int i = 0; i < 6; i++) {
            adapters.create("a" + i, adapter(i));
            adapters.text("a" + i);
        }
        assertThat(adapters.metric("tandem_adapter_memory_bytes{tier=\"host\"}"))
                .isBetween(1.0, 100.0 * 1024);
        assertThat(adapters.metric("tandem_adapters{tier=\"disk\"}")).isEqualTo(6);
    }
}
