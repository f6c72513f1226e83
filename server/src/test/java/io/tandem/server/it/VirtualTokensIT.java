package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Adapters with virtual tokens of both kinds: prompt tuning and prefix tuning. */
@Timeout(60)
class VirtualTokensIT {
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
        adapters.create("prompt", TinyAdapters.prompt(MODEL.config(), 3, 1));
        adapters.create("prefix", TinyAdapters.prefix(MODEL.config(), 3, 1));
        adapters.create("lora", TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, 2));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** In PEFT's layout by hand; what is exported is the same again. */
    @Test
    void aPrefixServesAsPeftSavesIt() throws Exception {
        ModelConfig model = MODEL.config();
        int keys = model.kvHeads() * model.headDim();
        int width = 2 * model.layers() * keys;
        float[] values = new float[4 * width];
        Random random = new Random(5);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        new PeftDirectory(directory.resolve("import/byhand"), model)
                .tensor("prompt_embeddings", new long[] {4, width}, values)
                .write("\"peft_type\":\"PREFIX_TUNING\",\"num_virtual_tokens\":4,\"num_layers\":" + model.layers()
                        + ",\"num_attention_heads\":" + model.kvHeads() + ",\"token_dim\":" + keys
                        + ",\"prefix_projection\":true");
        JsonNode made = server.json(server.post("/v1/adapters", "{\"name\":\"byhand\",\"path\":\"byhand\"}"));
        assertThat(made.at("/report/virtual_tokens").asInt()).isEqualTo(4);
        assertThat(made.at("/report/parameters").asInt()).isEqualTo(values.length);
        assertThat(made.at("/report/probe/logprob_difference").asDouble()).isPositive();
        assertThat(server.adapter("byhand", model)
                        .prefix()
                        .orElseThrow()
                        .parameter()
                        .values())
                .containsExactly(values);
        String text = adapters.text("byhand");
        assertThat(text).isNotEqualTo(adapters.text("prefix")).isNotEqualTo(adapters.text(RunningServer.MODEL));
        assertThat(adapters.text("byhand")).isEqualTo(text);
    }

    /** Clients do not see them; other adapters may act on the text behind them. */
    @Test
    void theyAreNotCounted() throws Exception {
        int base = prompt(RunningServer.MODEL);
        for (String model : List.of("prompt", "prefix", "prefix+lora", "lora+prompt")) {
            assertThat(prompt(model)).as(model).isEqualTo(base);
        }
        assertThat(adapters.text("prefix+lora"))
                .isEqualTo(adapters.text("lora+prefix"))
                .isNotEqualTo(adapters.text("prefix"))
                .isNotEqualTo(adapters.text("lora"));
        HttpResponse<String> both = adapters.ask("prefix+prompt", "");
        assertThat(both.statusCode()).isEqualTo(400);
        assertThat(both.body()).contains("several adapters that have virtual tokens, one may");
    }

    private static int prompt(String model) throws Exception {
        return server.json(adapters.ask(model, "")).at("/usage/prompt_tokens").asInt();
    }

    private static HttpResponse<String> job(String path, String hyperparameters, String lines) throws Exception {
        String file = server.upload("train.jsonl", lines);
        return server.post(
                path,
                "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"hyperparameters\":{\"n_epochs\":1,"
                        + hyperparameters + "}}");
    }

    private static String lines(String prompt) {
        return "{\"prompt\":\"" + prompt + "\",\"completion\":\"yes\"}\n";
    }

    @Test
    void aStackHasTheVirtualTokensOfOneAdapter() throws Exception {
        for (String under : List.of("prompt", "prefix")) {
            for (String path : List.of(JOBS, JOBS + "/dry_run")) {
                HttpResponse<String> refused = job(
                        path,
                        "\"peft\":\"prefix_tuning\",\"virtual_tokens\":3,\"under\":[\"" + under + "\"]",
                        lines("a"));
                assertThat(refused.statusCode()).isEqualTo(400);
                assertThat(AdapterClient.error(refused).path("param").asText()).isEqualTo("under");
                assertThat(refused.body()).contains("one adapter of a stack may have some");
            }
        }
        assertThat(job(JOBS, "\"under\":[\"prompt\",\"prefix\"]", lines("a")).body())
                .contains("'under' has 'prefix', whose virtual tokens would come beside others");
    }

    /** Of prompt tuning they run like others; of prefix tuning nothing does. */
    @Test
    void dryRunsCountTheVirtualTokensThatRun() throws Exception {
        String lines = lines("abc") + lines("a");
        assertThat(trained("\"peft\":\"lora\"", lines)).isEqualTo(3 + 4 + 1 + 4);
        assertThat(trained("\"peft\":\"prompt_tuning\",\"virtual_tokens\":5", lines))
                .isEqualTo(12 + 2 * 5);
        assertThat(trained("\"peft\":\"prefix_tuning\",\"virtual_tokens\":5", lines))
                .isEqualTo(12);
    }

    /** As the dry run says it, and as the job counts it. */
    private static int trained(String hyperparameters, String lines) throws Exception {
        int said = server.json(job(JOBS + "/dry_run", hyperparameters, lines))
                .at("/training/trained_tokens")
                .asInt();
        String id = server.json(job(JOBS, hyperparameters, lines)).path("id").asText();
        JsonNode job = new JobClient(server).ended(id);
        assertThat(job.path("trained_tokens").asInt()).as(job.toString()).isEqualTo(said);
        return said;
    }
}
