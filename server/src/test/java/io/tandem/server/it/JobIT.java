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

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory, WINDOW);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private String create(String method, String hyperparameters, String rest) throws Exception {
        String body = "{\"model\":\"tiny\",\"seed\":5," + rest + ",\"method\":{\"type\":\"" + method + "\",\"" + method
                + "\":{\"hyperparameters\":{" + hyperparameters + "}}}}";
        return server.json(server.post(JOBS, body)).path("id").asText();
    }

    private JsonNode job(String id) throws Exception {
        return server.json(server.get(JOBS + "/" + id));
    }

    private JsonNode ended(String id) throws Exception {
        while (job(id).path("finished_at").isNull()) {
            Thread.sleep(50);
        }
        return job(id);
    }

    private List<JsonNode> events(String id, String type) throws Exception {
        List<JsonNode> events = new ArrayList<>();
        server.json(server.get(JOBS + "/" + id + "/events?limit=1000"))
                .path("data")
                .forEach(event -> {
                    if (event.path("type").asText().equals(type)) {
                        events.add(0, event);
                    }
                });
        return events;
    }

    private void awaitStep(String id, int step) throws Exception {
        while (events(id, "metrics").stream()
                .noneMatch(event -> event.path("data").path("step").asInt() >= step)) {
            Thread.sleep(20);
        }
    }

    private void awaitMessage(String id, String part) throws Exception {
        while (events(id, "message").stream()
                .noneMatch(event -> event.path("message").asText().contains(part))) {
            Thread.sleep(20);
        }
    }

    private String text(String model) throws Exception {
        String body = "{\"model\":\"" + model + "\",\"prompt\":\"the same\",\"max_tokens\":24,\"temperature\":0}";
        JsonNode text = server.json(server.post("/v1/completions", body))
                .path("choices")
                .path(0)
                .path("text");
        assertThat(text.isTextual()).isTrue();
        return text.asText();
    }

    private Adapter adapter(JsonNode job) throws Exception {
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        return server.adapter(job.path("fine_tuned_model").asText(), MODEL.config());
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
        Adapter alone = adapter(ended(create("supervised", settings, files)));
        Class<? extends Change> form = switch (peft) {
            case "dora", "ist" -> Dora.class;
            case "bottleneck" -> Bottleneck.class;
            case "lora_bias" -> BiasedFactors.class;
            default -> LowRank.class;
        };
        boolean virtual = peft.endsWith("_tuning");
        assertThat(alone.virtualTokens()).isEqualTo(virtual ? 5 : 0);
        assertThat(alone.modules().isEmpty()).isEqualTo(virtual);
        assertThat(alone.full()).hasSize(peft.equals("modules_to_save") ? 2 : 0);
        assertThat(alone.modules().values()).hasOnlyElementsOfType(form).noneMatch(Change::isIdle);
        String id = create("supervised", settings, files);
        awaitStep(id, 10);
        assertThat(server.json(server.post(JOBS + "/" + id + "/pause", "{}"))
                        .path("status")
                        .asText())
                .isEqualTo("paused");
        awaitMessage(id, "is paused after step");
        stop();
        start();
        assertThat(job(id).path("status").asText()).isEqualTo("paused");
        assertThat(server.post(JOBS + "/" + id + "/resume", "{}").statusCode()).isEqualTo(200);
        awaitMessage(id, "goes on after step");
        awaitStep(id, 30);
        stop();
        start();
        assertThat(adapter(ended(id))).usingRecursiveComparison().isEqualTo(alone);
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

    /** Which layers learn is told, and so is why. */
    @Test
    void layersThatTakeTurnsAreTold() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String id = create(
                "supervised",
                "\"n_epochs\":3,\"batch_size\":4,\"learning_rate\":0.02,\"learns\":{\"type\":\"ist\",\"share\":0.5,\"probe_every\":4}",
                "\"training_file\":\"" + file + "\"");
        assertThat(ended(id).path("status").asText()).isEqualTo("succeeded");
        List<Integer> probed = new ArrayList<>();
        List<Double> losses = new ArrayList<>();
        int[] turns = new int[MODEL.config().layers()];
        for (JsonNode event : events(id, "metrics")) {
            JsonNode data = event.path("data");
            if (data.has("layer_importance")) {
                probed.add(data.path("step").asInt());
                assertThat(data.path("layer_importance")).hasSize(turns.length);
                assertThat(data.path("probe_losses").size()).isBetween(1, 3);
                assertThat(event.path("message").asText()).contains("/30: the layers that matter most are ");
            } else {
                losses.add(data.path("train_loss").asDouble());
                assertThat(data.path("learning_layers")).hasSize(1);
                turns[data.path("learning_layers").path(0).asInt()]++;
            }
        }
        assertThat(probed).containsExactly(4, 8, 12, 16, 20, 24, 28);
        assertThat(turns).doesNotContain(0);
        assertThat(losses.get(29)).as("of %s", losses).isLessThan(losses.get(0) / 2);
    }

    /** Of 14 modules with 8 ranks a quarter is left, in the file and in every checkpoint after the masks are complete. */
    @Test
    void prunedRanksAreLeftOut() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String files = "\"training_file\":\"" + file + "\",\"validation_file\":\"" + file + "\"";
        String settings = "\"n_epochs\":6,\"batch_size\":4,\"checkpoint_every\":15,\"learning_rate\":0.01";
        JsonNode whole = ended(create("supervised", settings, files));
        String id = create("supervised", settings + ",\"learns\":{\"type\":\"pdp\",\"sparsity\":0.75}", files);
        JsonNode pruned = ended(id);
        assertThat(ranks(adapter(whole))).isEqualTo(8 * 14);
        assertThat(ranks(adapter(pruned))).isEqualTo(2 * 14);
        String model = pruned.path("fine_tuned_model").asText();
        assertThat(ranks(server.adapter(model + ":ckpt-step-45", MODEL.config())))
                .isEqualTo(2 * 14);
        assertThat(ranks(server.adapter(model + ":ckpt-step-30", MODEL.config())))
                .isBetween(3 * 14, 7 * 14);
        List<JsonNode> steps = events(id, "metrics");
        JsonNode last = steps.get(steps.size() - 1).path("data");
        double first = steps.get(0).path("data").path("valid_loss").asDouble();
        assertThat(last.path("valid_loss").asDouble())
                .as("of %f at first", first)
                .isLessThan(first / 3);
        assertThat(steps.get(steps.size() - 2).path("data").path("sparsity").asDouble())
                .isEqualTo(0.75);
    }

    /** A quarter of 14 modules, rounded up, and half of their ranks, after a tenth of 60 steps. */
    @Test
    void modulesAndRanksAreLeftOutEarly() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String id = create(
                "supervised",
                "\"n_epochs\":6,\"batch_size\":4,\"learning_rate\":0.01,\"learns\":{\"type\":\"light_peft\"}",
                "\"training_file\":\"" + file + "\"");
        Adapter pruned = adapter(ended(id));
        assertThat(ranks(pruned)).isEqualTo(8 * 4 / 2);
        assertThat(pruned.modules()).hasSizeLessThanOrEqualTo(4);
        assertThat(events(id, "message"))
                .extracting(event -> event.path("message").asText())
                .contains("Step 6/60: " + pruned.modules().size()
                        + " of 14 modules and 16 of 112 ranks learn from here on.");
        List<JsonNode> steps = events(id, "metrics");
        double first = steps.get(0).path("data").path("train_loss").asDouble();
        double last =
                steps.get(steps.size() - 1).path("data").path("train_loss").asDouble();
        assertThat(last).as("of %f at first", first).isLessThan(first / 2);
    }

    private static int ranks(Adapter adapter) {
        return adapter.factors().values().stream().mapToInt(LowRank::rank).sum();
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
        Adapter alone = adapter(ended(create("supervised", controls, "\"training_file\":\"" + file + "\"")));
        String id = create("supervised", controls, "\"training_file\":\"" + file + "\"");
        awaitStep(id, 10);
        server.post("/v1/unload_lora_adapter", "{\"lora_name\":\"one\"}");
        load("two", 3);
        stop();
        start();
        assertThat(adapter(ended(id))).usingRecursiveComparison().isEqualTo(alone);
        Adapter without = adapter(ended(create("supervised", settings, "\"training_file\":\"" + plain + "\"")));
        assertThat(without).usingRecursiveComparison().isNotEqualTo(alone);
    }

    private void load(String name, long seed) throws Exception {
        PeftFormat.write(
                directory.resolve("import/" + name + seed),
                TinyAdapters.mixedRanks(MODEL.config(), LoraConfig.allLinears(), 8, seed));
        String body = "{\"lora_name\":\"" + name + "\",\"lora_path\":\"" + name + seed + "\",\"load_inplace\":true}";
        assertThat(server.post("/v1/load_lora_adapter", body).statusCode()).isEqualTo(200);
    }

    @Test
    void checkpointsAreCalledWhileTrainingGoesOn() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String id = create(
                "supervised",
                "\"n_epochs\":20,\"batch_size\":4,\"checkpoint_every\":5,\"eval_every\":10,\"learning_rate\":0.02",
                "\"training_file\":\"" + file + "\",\"validation_file\":\"" + file + "\",\"suffix\":\"talk\"");
        awaitMessage(id, "can be called");
        JsonNode first = server.json(server.get(JOBS + "/" + id + "/checkpoints"))
                .path("data")
                .path(0);
        String early = first.path("fine_tuned_model_checkpoint").asText();
        assertThat(text(early)).isEqualTo(text(early));
        assertThat(job(id).path("estimated_finish").asLong()).isPositive();
        JsonNode ended = ended(id);
        JsonNode page = server.json(server.get(JOBS + "/" + id + "/checkpoints?limit=3"));
        assertThat(page.path("has_more").asBoolean()).isTrue();
        JsonNode last = page.path("data").path(0);
        assertThat(last.path("step_number").asInt()).isEqualTo(200);
        JsonNode metrics = last.path("metrics");
        assertThat(metrics.path("valid_loss").asDouble()).isPositive();
        assertThat(metrics.path("full_valid_mean_token_accuracy").asDouble())
                .isEqualTo(metrics.path("valid_mean_token_accuracy").asDouble())
                .isBetween(0.9, 1.0);
        assertThat(metrics.path("train_mean_token_accuracy").asDouble())
                .isGreaterThan(
                        first.path("metrics").path("train_mean_token_accuracy").asDouble());
        String model = ended.path("fine_tuned_model").asText();
        String checkpoint = last.path("fine_tuned_model_checkpoint").asText();
        assertThat(checkpoint).isEqualTo(model + ":ckpt-step-200");
        assertThat(text(checkpoint)).isEqualTo(text(model));
        assertThat(server.json(server.get(JOBS + "/" + id + "/checkpoints?limit=100"))
                        .path("data"))
                .hasSize(10);
        String table = server.get(
                        "/v1/files/" + ended.path("result_files").path(0).asText() + "/content")
                .body();
        assertThat(table.lines())
                .hasSize(202)
                .first()
                .asString()
                .startsWith("step,epoch,train_loss,train_mean_token_accuracy,valid_loss");
        assertThat(ended.path("trained_tokens").asLong()).isGreaterThan(1000);
        try (Stream<Path> entries = Files.list(directory.resolve("data/jobs").resolve(id))) {
            assertThat(entries.map(entry -> entry.getFileName().toString()))
                    .anyMatch(name -> name.startsWith("events.out.tfevents."));
        }
        JsonNode measured = events(id, "metrics").get(0).path("data");
        assertThat(measured.path("step").asInt()).isZero();
        assertThat(measured.path("valid_loss_by_ability").fieldNames())
                .toIterable()
                .containsExactly("even", "odd");
        stop();
        start();
        assertThat(text(checkpoint)).isEqualTo(text(model));
    }

    @Test
    void aCloseThatIsInterruptedKeepsWhatWasTrained() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(60));
        String id = create(
                "supervised",
                "\"n_epochs\":8,\"batch_size\":4,\"checkpoint_every\":1000",
                "\"training_file\":\"" + file + "\"");
        awaitStep(id, 3);
        Thread.currentThread().interrupt();
        stop();
        assertThat(Thread.interrupted()).as("who interrupted is still heard").isTrue();
        start();
        awaitMessage(id, "goes on after step");
        server.json(server.post(JOBS + "/" + id + "/cancel", "{}"));
        assertThat(server.json(server.delete(JOBS + "/" + id)).path("deleted").asBoolean())
                .isTrue();
        assertThat(server.get(JOBS + "/" + id).statusCode()).isEqualTo(404);
    }

    @Test
    void learnsPreferences() throws Exception {
        String file = server.upload("pairs.jsonl", TrainingFiles.preferences(24));
        String id = create(
                "dpo",
                "\"n_epochs\":10,\"batch_size\":8,\"beta\":0.5,\"learning_rate\":0.005,\"warmup_steps\":0",
                "\"training_file\":\"" + file + "\"");
        JsonNode ended = ended(id);
        assertThat(ended.path("status").asText()).as(ended.toString()).isEqualTo("succeeded");
        assertThat(ended.path("method").path("type").asText()).isEqualTo("dpo");
        assertThat(ended.path("method")
                        .path("dpo")
                        .path("hyperparameters")
                        .path("beta")
                        .asDouble())
                .isEqualTo(0.5);
        List<JsonNode> steps = events(id, "metrics");
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
        String id = create(
                "supervised",
                "\"n_epochs\":1,\"batch_size\":4,\"learning_rate\":0,\"under\":[\"below\"]",
                "\"training_file\":\"" + file + "\"");
        String model = ended(id).path("fine_tuned_model").asText();
        String below = text("below");
        assertThat(below).isNotEqualTo(text("tiny"));
        assertThat(text(model)).isEqualTo(below);
        server.post("/v1/unload_lora_adapter", "{\"lora_name\":\"below\"}");
        stop();
        start();
        assertThat(text(model)).isEqualTo(below);
    }

    @Test
    void aPausedJobCanBeCancelledAndManyJobsTrainTogether() throws Exception {
        String file = "\"training_file\":\"" + server.upload("train.jsonl", TrainingFiles.chats(20)) + "\"";
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            ids.add(create("supervised", "\"n_epochs\":6,\"batch_size\":4,\"weight\":" + (i + 1), file));
        }
        server.post(JOBS + "/" + ids.get(2) + "/pause", "{}");
        assertThat(server.json(server.post(JOBS + "/" + ids.get(2) + "/cancel", "{}"))
                        .path("status")
                        .asText())
                .isEqualTo("cancelled");
        Adapter first = adapter(ended(ids.get(0)));
        assertThat(adapter(ended(ids.get(1)))).usingRecursiveComparison().isEqualTo(first);
        assertThat(job(ids.get(2)).path("status").asText()).isEqualTo("cancelled");
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
        JsonNode ended = ended(create("dpo", "", chats));
        assertThat(ended.path("status").asText()).isEqualTo("failed");
        assertThat(ended.path("error").path("message").asText()).contains("no preference pairs");
    }
}
