package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Adapters from PEFT directories, several in one batch. */
@Timeout(120)
class AdapterIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);

    @TempDir
    private Path directory;

    private RunningServer server;

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private HttpResponse<String> load(String name, String path, boolean inPlace) throws Exception {
        return server.post(
                "/v1/load_lora_adapter",
                "{\"lora_name\":\"" + name + "\",\"lora_path\":\"" + path + "\",\"load_inplace\":" + inPlace + "}");
    }

    private void write(String name, long seed) throws Exception {
        PeftFormat.write(
                directory.resolve("import").resolve(name),
                TinyAdapters.mixedRanks(MODEL.config(), LoraConfig.allLinears(), 8, seed),
                MODEL.config());
    }

    private String text(String model) throws Exception {
        HttpResponse<String> answer = server.post(
                "/v1/completions",
                "{\"model\":\"" + model + "\",\"prompt\":\"the same\",\"max_tokens\":24,\"temperature\":0}");
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return answer.body().replaceAll(".*\"text\":\"(.*)\",\"logprobs.*", "$1");
    }

    @Test
    void everyNameAnswersWithItsOwnAdapterAloneAndInOneBatch() throws Exception {
        List<String> names = new ArrayList<>(List.of(RunningServer.MODEL));
        // More than there are adapter slots, so they take turns.
        for (int i = 0; i < 6; i++) {
            write("a" + i, i);
            assertThat(load("a" + i, "a" + i, false).statusCode()).isEqualTo(200);
            names.add("a" + i);
        }
        List<String> alone = new ArrayList<>();
        for (String name : names) {
            alone.add(text(name));
        }
        assertThat(alone).doesNotHaveDuplicates();
        List<CompletableFuture<String>> together = names.stream()
                .map(name -> CompletableFuture.supplyAsync(() -> {
                    try {
                        return text(name);
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                }))
                .toList();
        for (int i = 0; i < names.size(); i++) {
            assertThat(together.get(i).get()).isEqualTo(alone.get(i));
        }
    }

    /** OpenAI's clients delete a fine-tuned model so. */
    @Test
    void anAdapterIsDeletedAsAModel() throws Exception {
        write("a", 1);
        assertThat(load("a", "a", false).statusCode()).isEqualTo(200);
        HttpResponse<String> deleted = server.delete("/v1/models/a");
        assertThat(deleted.statusCode()).isEqualTo(200);
        assertThat(deleted.body()).isEqualTo("{\"id\":\"a\",\"object\":\"model\",\"deleted\":true}");
        assertThat(server.get("/v1/models/a").statusCode()).isEqualTo(404);
        assertThat(server.get("/v1/models").body()).doesNotContain("\"id\":\"a\"");
    }

    @Test
    void aPrescribedFormatHoldsUnderEveryAdapter() throws Exception {
        for (int i = 0; i < 3; i++) {
            write("a" + i, i);
            assertThat(load("a" + i, "a" + i, false).statusCode()).isEqualTo(200);
        }
        List<String> texts = new ArrayList<>();
        for (String name : List.of("a0", "a1", "a2", "a0+a1", RunningServer.MODEL)) {
            HttpResponse<String> answer = server.post(
                    "/v1/completions",
                    "{\"model\":\"" + name + "\",\"prompt\":\"the same\",\"max_tokens\":200,\"n\":3,\"seed\":1,"
                            + "\"guided_json\":{\"type\":\"array\",\"minItems\":2,\"maxItems\":4,"
                            + "\"items\":{\"type\":\"string\",\"pattern\":\"^[a-f]{3}$\"}}}");
            server.json(answer)
                    .path("choices")
                    .forEach(choice -> texts.add(choice.path("text").asText()));
        }
        assertThat(texts)
                .hasSize(15)
                .allMatch(text -> text.matches("\\[\\s*\"[a-f]{3}\"(,\\s*\"[a-f]{3}\"){1,3}\\s*\\]"));
        assertThat(texts.stream().distinct()).hasSizeGreaterThan(5);
    }

    @Test
    void aReplacedAdapterSharesNothingWithTheOldOne() throws Exception {
        write("v1", 1);
        write("v2", 2);
        load("mine", "v1", false);
        String first = text("mine");
        assertThat(load("mine", "v2", false).statusCode()).isEqualTo(400);
        assertThat(load("mine", "v2", true).statusCode()).isEqualTo(200);
        String second = text("mine");
        assertThat(second).isNotEqualTo(first);
        load("other", "v2", false);
        assertThat(text("other")).isEqualTo(second);
        assertThat(server.post("/v1/unload_lora_adapter", "{\"lora_name\":\"mine\"}")
                        .statusCode())
                .isEqualTo(200);
        assertThat(server.get("/v1/models/mine").statusCode()).isEqualTo(404);
    }

    @Test
    void anAdapterOfAnotherModelIsRefusedWithTheNames() throws Exception {
        TinyModel other = TinyModel.of(TinyModel.Variant.MISTRAL, 1);
        PeftFormat.write(
                directory.resolve("import/other"),
                TinyAdapters.random(other.config(), LoraConfig.allLinears(), 4, 1),
                other.config());
        HttpResponse<String> answer = load("other", "other", false);
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body()).contains("q_proj").contains("[64, 4], expected [32, 4]");
        HttpResponse<String> request =
                server.post("/v1/completions", "{\"model\":\"other\",\"prompt\":\"a\",\"max_tokens\":1}");
        assertThat(request.statusCode()).isEqualTo(404);
    }
}
