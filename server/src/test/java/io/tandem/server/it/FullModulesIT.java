package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Adapters with the head or the embedding in full, PEFT's modules_to_save. */
@Timeout(60)
class FullModulesIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final String JOBS = "/v1/fine_tuning/jobs";

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static AdapterClient adapters;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
        adapters = new AdapterClient(server, directory);
        Adapter lora = TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, 2);
        adapters.create("lora", lora);
        adapters.create("head", TinyAdapters.full(lora, MODEL.config(), EnumSet.of(FullModule.LM_HEAD), 1));
        adapters.create("other", TinyAdapters.full(lora, MODEL.config(), EnumSet.of(FullModule.LM_HEAD), 2));
        adapters.create("both", TinyAdapters.full(lora, MODEL.config(), EnumSet.allOf(FullModule.class), 3));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** In PEFT's layout by hand, with the model's own weights: it answers as the model does. */
    @Test
    void copiesOfTheModelsOwnServeAsPeftSavesThem() throws Exception {
        ModelConfig model = MODEL.config();
        long[] shape = {model.vocab(), model.hidden()};
        float[] head = MODEL.weights().get("lm_head.weight");
        PeftDirectory byHand = new PeftDirectory(directory.resolve("import/byhand"), model)
                .factors(new Site(0, TargetModule.V_PROJ), 2)
                .tensor(
                        "base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight",
                        new long[] {TargetModule.V_PROJ.outputs(model), 2},
                        new float[2 * TargetModule.V_PROJ.outputs(model)])
                .tensor("base_model.model.lm_head.weight", shape, head)
                .tensor(
                        "base_model.model.model.embed_tokens.weight",
                        shape,
                        MODEL.weights().get("model.embed_tokens.weight"));
        byHand.write("\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":[\"v_proj\"],"
                + "\"modules_to_save\":[\"lm_head\",\"embed_tokens\"]");
        JsonNode made = server.json(server.post("/v1/adapters", "{\"name\":\"byhand\",\"path\":\"byhand\"}"));
        assertThat(made.at("/report/modules_to_save").toString()).isEqualTo("[\"embed_tokens\",\"lm_head\"]");
        assertThat(adapters.text("byhand")).isEqualTo(adapters.text(RunningServer.MODEL));
        assertThat(server.adapter("byhand", model)
                        .full()
                        .get(FullModule.LM_HEAD)
                        .values())
                .containsExactly(head);
    }

    /** There is room for two modules, and more adapters than that take turns. */
    @Test
    void rowsOfAllKindsGetInOneBatchWhatTheyGetAlone() throws Exception {
        List<String> models = List.of("head", RunningServer.MODEL, "other", "lora", "both");
        List<String> alone = new ArrayList<>();
        for (String model : models) {
            alone.add(adapters.text(model));
        }
        assertThat(alone).doesNotHaveDuplicates();
        List<CompletableFuture<String>> together = new ArrayList<>();
        for (int i = 0; i < 4 * models.size(); i++) {
            together.add(adapters.textLater(models.get(i % models.size())));
        }
        for (int i = 0; i < together.size(); i++) {
            assertThat(together.get(i).get()).isEqualTo(alone.get(i % models.size()));
        }
    }

    @Test
    void whatOneModuleCannotBeIsRefused() throws Exception {
        HttpResponse<String> stacked = adapters.ask("head+other", "");
        assertThat(stacked.statusCode()).isEqualTo(400);
        assertThat(stacked.body())
                .contains("stacks several adapters that have lm_head in full (modules_to_save), one may");
        assertThat(adapters.ask("lora+head", "").statusCode()).isEqualTo(200);
        for (HttpResponse<String> refused : List.of(
                server.post("/v1/adapters/head/compress", "{\"density\":0.3}"),
                server.post("/v1/adapters/merge", "{\"name\":\"m\",\"ids\":[\"lora\",\"head\"]}"))) {
            assertThat(refused.statusCode()).as(refused.body()).isEqualTo(400);
            assertThat(refused.body()).contains("lm_head in full (modules_to_save), which is not a product");
        }
        HttpResponse<String> under = job("\"modules_to_save\":[\"lm_head\"],\"under\":[\"head\"]");
        assertThat(under.statusCode()).isEqualTo(400);
        assertThat(AdapterClient.error(under).path("param").asText()).isEqualTo("under");
        assertThat(under.body()).contains("several adapters that have lm_head in full");
    }

    /** The change of a factor is no cause if a whole matrix is. */
    @Test
    void aMatrixThatIsTooLargeIsNamed() throws Exception {
        float[] large = new float[Math.toIntExact(FullModule.numbers(MODEL.config()))];
        Arrays.fill(large, Float.MAX_VALUE);
        Adapter lora = TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, 2);
        adapters.write(
                "large",
                lora.withFull(Map.of(FullModule.LM_HEAD, FullModule.LM_HEAD.parameter(MODEL.config(), large))));
        HttpResponse<String> refused = server.post("/v1/adapters", "{\"name\":\"large\",\"path\":\"large\"}");
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(400);
        assertThat(AdapterClient.error(refused).path("message").asText())
                .contains("the adapter's weights are too large")
                .endsWith("; it has lm_head in full");
    }

    private static HttpResponse<String> job(String hyperparameters) throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(12));
        return server.post(
                JOBS,
                "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"hyperparameters\":{\"n_epochs\":1,"
                        + hyperparameters + "}}");
    }

    private static JsonNode ended(HttpResponse<String> created) throws Exception {
        return new JobClient(server).succeeded(server.json(created).path("id").asText());
    }

    /** They start as the model's own and learn; and a job may stand on top of one, and learn what that has not. */
    @Test
    void aJobTrainsThemBesideItsMethod() throws Exception {
        String model = ended(job("\"peft\":\"ia3\",\"modules_to_save\":[\"lm_head\"]"))
                .path("fine_tuned_model")
                .asText();
        Adapter trained = server.adapter(model, MODEL.config());
        assertThat(trained.full()).containsOnlyKeys(FullModule.LM_HEAD);
        float[] head = trained.full().get(FullModule.LM_HEAD).values();
        float[] base = MODEL.weights().get("lm_head.weight");
        double farthest = 0;
        for (int i = 0; i < base.length; i++) {
            farthest = Math.max(farthest, Math.abs(head[i] - base[i]));
        }
        assertThat(farthest).isBetween(1e-6, 0.05);
        // It is called with what it stands on.
        String upper = ended(job("\"modules_to_save\":[\"embed_tokens\"],\"under\":[\"" + model + "\"]"))
                .path("fine_tuned_model")
                .asText();
        assertThat(server.adapter(upper, MODEL.config()).full()).containsOnlyKeys(FullModule.EMBED_TOKENS);
        HttpResponse<String> stacked = adapters.ask(upper, "");
        assertThat(stacked.statusCode()).as(stacked.body()).isEqualTo(200);
    }
}
