package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Fine-tuning jobs end to end. The model runs in float32 and windows have one size. */
@Timeout(180)
class JobIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final int WINDOW = 48;
    private static final String JOBS = "/v1/fine_tuning/jobs";

    @TempDir
    private Path directory;

    private RunningServer server;
    private JobClient jobs;

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory, WINDOW);
        jobs = new JobClient(server);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    /** One of each kind; what all methods share, {@link KillIT} tries with all of them. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "lora",
                "dora",
                "pissa",
                "increlora",
                "svfit",
                "prompt_tuning",
                "bottleneck",
                "lora_bias",
                "modules_to_save",
                "ist",
                "pdp",
                "light_peft",
                "spt",
                "das"
            })
    void pausesAndRestartsLeaveNoTrace(String peft) throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(60));
        String settings = "\"n_epochs\":8,\"batch_size\":4,\"eval_every\":7,\"checkpoint_every\":1000," + own(peft)
                + ",\"keep_best\":" + !peft.equals("pdp");
        String files = "\"training_file\":\"" + file + "\",\"validation_file\":\"" + file + "\"";
        Adapter alone = jobs.adapter(jobs.ended(jobs.create("supervised", settings, files)));
        Class<? extends Change> form = switch (peft) {
            case "dora", "ist" -> Dora.class;
            case "bottleneck" -> Bottleneck.class;
            case "lora_bias" -> BiasedFactors.class;
            case "spt" -> Change.class;
            default -> LowRank.class;
        };
        boolean virtual = peft.endsWith("_tuning");
        assertThat(alone.virtualTokens()).isEqualTo(virtual ? 5 : 0);
        assertThat(alone.modules().isEmpty()).isEqualTo(virtual);
        assertThat(alone.full()).hasSize(peft.equals("modules_to_save") ? 2 : 0);
        assertThat(alone.modules().values()).hasOnlyElementsOfType(form).noneMatch(Change::isIdle);
        String id = jobs.pausedAfter(10, () -> jobs.create("supervised", settings, files));
        stop();
        start();
        assertThat(jobs.job(id).path("status").asText()).isEqualTo("paused");
        assertThat(server.post(JOBS + "/" + id + "/resume", "{}").statusCode()).isEqualTo(200);
        jobs.awaitMessage(id, "goes on after step");
        jobs.awaitStep(id, 30);
        stop();
        start();
        assertThat(jobs.adapter(jobs.ended(id))).usingRecursiveComparison().isEqualTo(alone);
        assertThat(server.post(JOBS + "/" + id + "/resume", "{}").statusCode()).isEqualTo(400);
    }

    /** A method, or what learns, with settings of its own. */
    private String own(String name) throws Exception {
        return switch (name) {
            case "lora_bias" -> "\"lora_bias\":true,\"rank\":4";
            case "modules_to_save" -> "\"modules_to_save\":[\"lm_head\",\"embed_tokens\"],\"optimizer\":\"adamw_8bit\"";
            case "ist" -> "\"peft\":\"dora\",\"learns\":{\"type\":\"ist\",\"share\":0.5,\"probe_every\":3}";
            case "pdp" -> "\"learns\":{\"type\":\"pdp\",\"sparsity\":0.75}";
            case "spt" -> "\"learns\":{\"type\":\"spt\",\"budget\":0.5}";
            case "light_peft" -> "\"learns\":{\"type\":\"light_peft\",\"estimation\":0.13}";
            case "das" -> "\"learns\":{\"type\":\"das\",\"skip\":0.5,\"search\":0.2,\"probe_every\":4}";
            default -> "\"peft\":\"" + name + "\"" + MethodSettings.of(server, name);
        };
    }

    @Test
    void controlsAreKeptAcrossRestartsAsTheyWereWhenTheJobWasCreated() throws Exception {
        load("one", 1);
        load("two", 2);
        String chats = TrainingFiles.chats(60);
        String file = server.upload("train.jsonl", chats.replace("\"ability\"", "\"control\""));
        String plain = server.upload("plain.jsonl", chats);
        String settings = "\"n_epochs\":6,\"batch_size\":4,\"checkpoint_every\":1000";
        String controls = settings + ",\"controls\":{\"even\":\"one\",\"odd\":\"two\"}";
        Adapter alone =
                jobs.adapter(jobs.ended(jobs.create("supervised", controls, "\"training_file\":\"" + file + "\"")));
        String id = jobs.create("supervised", controls, "\"training_file\":\"" + file + "\"");
        jobs.awaitStep(id, 10);
        server.post("/v1/unload_lora_adapter", "{\"lora_name\":\"one\"}");
        load("two", 3);
        stop();
        start();
        assertThat(jobs.adapter(jobs.ended(id))).usingRecursiveComparison().isEqualTo(alone);
        Adapter without =
                jobs.adapter(jobs.ended(jobs.create("supervised", settings, "\"training_file\":\"" + plain + "\"")));
        assertThat(without).usingRecursiveComparison().isNotEqualTo(alone);
    }

    private void load(String name, long seed) throws Exception {
        PeftFormat.write(
                directory.resolve("import/" + name + seed),
                TinyAdapters.mixedRanks(MODEL.config(), LoraConfig.allLinears(), 8, seed),
                MODEL.config());
        String body = "{\"lora_name\":\"" + name + "\",\"lora_path\":\"" + name + seed + "\",\"load_inplace\":true}";
        assertThat(server.post("/v1/load_lora_adapter", body).statusCode()).isEqualTo(200);
    }

    @Test
    void checkpointsAreCalledWhileTrainingGoesOn() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String id = jobs.create(
                "supervised",
                "\"n_epochs\":50,\"batch_size\":4,\"checkpoint_every\":25,\"eval_every\":10,\"learning_rate\":0.01",
                "\"training_file\":\"" + file + "\",\"validation_file\":\"" + file + "\",\"suffix\":\"talk\"");
        jobs.awaitMessage(id, "can be called");
        JsonNode first = server.json(server.get(JOBS + "/" + id + "/checkpoints"))
                .path("data")
                .path(0);
        String early = first.path("fine_tuned_model_checkpoint").asText();
        assertThat(jobs.text(early)).isEqualTo(jobs.text(early));
        assertThat(jobs.job(id).path("estimated_finish").asLong()).isPositive();
        JsonNode ended = jobs.ended(id);
        JsonNode page = server.json(server.get(JOBS + "/" + id + "/checkpoints?limit=3"));
        assertThat(page.path("has_more").asBoolean()).isTrue();
        JsonNode last = page.path("data").path(0);
        assertThat(last.path("step_number").asInt()).isEqualTo(500);
        JsonNode metrics = last.path("metrics");
        assertThat(metrics.path("valid_loss").asDouble()).isPositive();
        assertThat(metrics.path("full_valid_mean_token_accuracy").asDouble())
                .isEqualTo(metrics.path("valid_mean_token_accuracy").asDouble())
                .isBetween(0.9, 1.0);
        assertThat(metrics.path("train_mean_token_accuracy").asDouble())
                .isGreaterThan(jobs.events(id, "metrics").stream()
                        .map(event -> event.path("data").path("train_mean_token_accuracy"))
                        .filter(JsonNode::isNumber)
                        .findFirst()
                        .orElseThrow()
                        .asDouble());
        String model = ended.path("fine_tuned_model").asText();
        String checkpoint = last.path("fine_tuned_model_checkpoint").asText();
        assertThat(checkpoint).isEqualTo(model + ":ckpt-step-500");
        assertThat(jobs.text(checkpoint)).isEqualTo(jobs.text(model));
        assertThat(server.json(server.get(JOBS + "/" + id + "/checkpoints?limit=100"))
                        .path("data"))
                .hasSize(10);
        String table = server.get(
                        "/v1/files/" + ended.path("result_files").path(0).asText() + "/content")
                .body();
        assertThat(table.lines())
                .hasSize(502)
                .first()
                .asString()
                .startsWith("step,epoch,train_loss,train_mean_token_accuracy,valid_loss");
        assertThat(ended.path("trained_tokens").asLong()).isGreaterThan(1000);
        try (Stream<Path> entries = Files.list(directory.resolve("data/jobs").resolve(id))) {
            assertThat(entries.map(entry -> entry.getFileName().toString()))
                    .anyMatch(name -> name.startsWith("events.out.tfevents."));
        }
        JsonNode measured = jobs.events(id, "metrics").get(0).path("data");
        assertThat(measured.path("step").asInt()).isZero();
        assertThat(measured.path("valid_loss_by_ability").fieldNames())
                .toIterable()
                .containsExactly("even", "odd");
        stop();
        start();
        assertThat(jobs.text(checkpoint)).isEqualTo(jobs.text(model));
    }

    @Test
    void aCloseThatIsInterruptedKeepsWhatWasTrained() throws Exception {
        // So many that it is not done before it is cancelled.
        String file = server.upload("train.jsonl", TrainingFiles.chats(2000));
        String id = jobs.create(
                "supervised",
                "\"n_epochs\":8,\"batch_size\":4,\"checkpoint_every\":1000",
                "\"training_file\":\"" + file + "\"");
        jobs.awaitStep(id, 3);
        Thread.currentThread().interrupt();
        stop();
        assertThat(Thread.interrupted()).as("who interrupted is still heard").isTrue();
        start();
        jobs.awaitMessage(id, "goes on after step");
        server.json(server.post(JOBS + "/" + id + "/cancel", "{}"));
        assertThat(server.json(server.delete(JOBS + "/" + id)).path("deleted").asBoolean())
                .isTrue();
        assertThat(server.get(JOBS + "/" + id).statusCode()).isEqualTo(404);
    }

    @Test
    void learnsPreferences() throws Exception {
        String file = server.upload("pairs.jsonl", TrainingFiles.preferences(24));
        String id = jobs.create(
                "dpo",
                "\"n_epochs\":10,\"batch_size\":8,\"beta\":0.5,\"learning_rate\":0.005,\"warmup_steps\":0",
                "\"training_file\":\"" + file + "\"");
        JsonNode ended = jobs.ended(id);
        assertThat(ended.path("status").asText()).as(ended.toString()).isEqualTo("succeeded");
        assertThat(ended.path("method").path("type").asText()).isEqualTo("dpo");
        assertThat(ended.path("method")
                        .path("dpo")
                        .path("hyperparameters")
                        .path("beta")
                        .asDouble())
                .isEqualTo(0.5);
        List<JsonNode> steps = jobs.events(id, "metrics");
        // An adapter that changes nothing yet prefers nothing.
        assertThat(steps.get(0).path("data").path("train_loss").asDouble()).isCloseTo(Math.log(2), within(1e-4));
        JsonNode last = steps.get(steps.size() - 1).path("data");
        assertThat(last.path("train_loss").asDouble()).isLessThan(0.3);
        assertThat(last.path("train_reward_accuracy").asDouble()).isEqualTo(1);
    }

    @Test
    void anAdapterAboveAnotherIsServedWithIt() throws Exception {
        load("below", 1);
        String file = server.upload("train.jsonl", TrainingFiles.chats(8));
        // With a learning rate of zero the new adapter changes nothing, so it must answer like the one below.
        String id = jobs.create(
                "supervised",
                "\"n_epochs\":1,\"batch_size\":4,\"learning_rate\":0,\"under\":[\"below\"]",
                "\"training_file\":\"" + file + "\"");
        String model = jobs.ended(id).path("fine_tuned_model").asText();
        String below = jobs.text("below");
        assertThat(below).isNotEqualTo(jobs.text("tiny"));
        assertThat(jobs.text(model)).isEqualTo(below);
        server.post("/v1/unload_lora_adapter", "{\"lora_name\":\"below\"}");
        stop();
        start();
        assertThat(jobs.text(model)).isEqualTo(below);
    }

    @Test
    void aPausedJobCanBeCancelledAndManyJobsTrainTogether() throws Exception {
        String file = "\"training_file\":\"" + server.upload("train.jsonl", TrainingFiles.chats(20)) + "\"";
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            ids.add(jobs.create("supervised", "\"n_epochs\":6,\"batch_size\":4,\"weight\":" + (i + 1), file));
        }
        server.post(JOBS + "/" + ids.get(2) + "/pause", "{}");
        assertThat(server.json(server.post(JOBS + "/" + ids.get(2) + "/cancel", "{}"))
                        .path("status")
                        .asText())
                .isEqualTo("cancelled");
        Adapter first = jobs.adapter(jobs.ended(ids.get(0)));
        assertThat(jobs.adapter(jobs.ended(ids.get(1))))
                .usingRecursiveComparison()
                .isEqualTo(first);
        assertThat(jobs.job(ids.get(2)).path("status").asText()).isEqualTo("cancelled");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            n_checkpoints              | {"hyperparameters":{"n_checkpoints":11}}
            checkpoint_every           | {"hyperparameters":{"n_checkpoints":1,"checkpoint_every":5}}
            eval_every                 | {"hyperparameters":{"eval_every":5}}
            early_stopping_patience    | {"validation_file":"FILE","hyperparameters":{"early_stopping_patience":2}}
            gradient_accumulation      | {"hyperparameters":{"gradient_accumulation":0}}
            weight                     | {"hyperparameters":{"weight":-1}}
            under                      | {"hyperparameters":{"under":["nobody"]}}
            under                      | {"hyperparameters":{"under":"nobody"}}
            under                      | {"hyperparameters":{"under":["a","b","c"]}}
            controls                   | {"hyperparameters":{"controls":{"curt":"nobody"}}}
            controls                   | {"hyperparameters":{"controls":{"curt":"a+b"}}}
            controls                   | {"hyperparameters":{"controls":{"curt":["a"]}}}
            controls                   | {"hyperparameters":{"controls":{"two words":"a"}}}
            controls                   | {"hyperparameters":{"controls":{}}}
            controls                   | {"hyperparameters":{"controls":["a"]}}
            validation_file            | {"validation_file":"file-000000000000000000000000"}
            beta                       | {"hyperparameters":{"beta":0.1}}
            beta                       | {"method":{"type":"dpo","dpo":{"hyperparameters":{"beta":3}}}}
            supervised                 | {"method":{"type":"dpo","supervised":{}}}
            type                       | {"method":{"type":"reinforcement"}}
            """)
    void wrongFieldsAreNamed(String field, String body) throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(4));
        String whole = "{\"model\":\"tiny\",\"training_file\":\"" + file + "\","
                + body.substring(1).replace("FILE", file);
        HttpResponse<String> answer = server.post(JOBS, whole);
        assertThat(answer.statusCode()).as(answer.body()).isBetween(400, 404);
        assertThat(answer.body()).contains(field + "\"");
        assertThat(server.json(server.get(JOBS)).path("data")).isEmpty();
    }

    @Test
    void theMethodMustFitTheFile() throws Exception {
        String chats = "\"training_file\":\"" + server.upload("a.jsonl", TrainingFiles.chats(4)) + "\"";
        JsonNode ended = jobs.ended(jobs.create("dpo", "", chats));
        assertThat(ended.path("status").asText()).isEqualTo("failed");
        assertThat(ended.path("error").path("message").asText()).contains("no preference pairs");
    }
}
