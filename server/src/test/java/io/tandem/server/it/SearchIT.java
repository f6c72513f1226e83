package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.StoredData;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Searches end to end. The model runs in float32 and windows have one size. */
@Timeout(180)
class SearchIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final String SEARCH = "{\"trials\":6,\"space\":{\"peft\":[\"lora\",\"ia3\"],\"rank\":[2,4],"
            + "\"target_modules\":[\"all-linear\",[\"q_proj\",\"v_proj\"]],\"learning_rate\":{\"min\":0.001,\"max\":0.02}},"
            + "\"hyperparameters\":{\"n_epochs\":4,\"batch_size\":4}}";

    @TempDir
    private Path directory;

    private RunningServer server;
    private JobClient jobs;

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory, 48);
        jobs = new JobClient(server);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private String body(String file, String search) {
        return "{\"model\":\"tiny\",\"seed\":5,\"training_file\":\"" + file + "\",\"validation_file\":\"" + file
                + "\",\"method\":{\"type\":\"search\",\"search\":" + search + "}}";
    }

    @Test
    void pausesAndRestartsLeaveNoTrace() throws Exception {
        // So many steps that the job is where the test thinks whenever it is stopped.
        String file = server.upload("train.jsonl", TrainingFiles.chats(320));
        JsonNode alone = jobs.ended(jobs.create(body(file, SEARCH)));
        Adapter best = jobs.adapter(alone);
        halves(alone.path("search"));
        reports(alone);

        String id = jobs.create(body(file, SEARCH));
        jobs.awaitMessage(id, "Trial 2/6");
        // It trains, or is between two trials.
        assertThat(server.post(JOBS + "/" + id + "/pause", "{}").statusCode()).isEqualTo(200);
        stop();
        start();
        assertThat(jobs.job(id).path("status").asText()).isEqualTo("paused");
        assertThat(server.post(JOBS + "/" + id + "/resume", "{}").statusCode()).isEqualTo(200);
        jobs.awaitMessage(id, "Trial 3/6");
        stop();
        loseWhatACrashLoses(directory.resolve("data"), id);
        start();
        while (jobs.job(id).path("search").path("trials").size() < 6) {
            Thread.sleep(10);
        }
        stop();
        start();
        JsonNode restarted = jobs.ended(id);
        assertThat(restarted.path("search")).isEqualTo(alone.path("search"));
        assertThat(restarted.path("trained_tokens")).isEqualTo(alone.path("trained_tokens"));
        assertThat(jobs.adapter(restarted)).usingRecursiveComparison().isEqualTo(best);
        try (Stream<Path> left = Files.walk(directory.resolve("data/jobs"))) {
            assertThat(left.map(path -> path.getFileName().toString())).noneMatch(name -> name.startsWith("trial"));
        }
    }

    /** The last evaluation was not written yet, and the trial under way left no checkpoint when it ended. */
    private static void loseWhatACrashLoses(Path data, String id) throws Exception {
        Path folder = data.resolve("jobs").resolve(id);
        ObjectNode job = (ObjectNode) JsonBody.MAPPER.readTree(StoredData.read(data, "jobs", id));
        ArrayNode trials = (ArrayNode) job.at("/search/trials");
        int last = trials.size();
        assertThat(trials.findValues("epochs")).as("all in the first rung").hasSize(last);
        trials.remove(last - 1);
        StoredData.change(data, "jobs", id, body -> job.toString());
        assertThat(folder.resolve("trial-" + last + "/checkpoints/step-00000080"))
                .exists();
        try (Stream<Path> left = Files.walk(folder.resolve("trial-" + (last + 1)))) {
            for (Path path : left.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (NoSuchFileException e) {
            // It had not made a step.
            return;
        }
    }

    /** Six trials of one epoch, three of two, one of four; eighty steps an epoch. */
    private static void halves(JsonNode search) {
        List<Integer> rungs = new ArrayList<>();
        List<String> tried = new ArrayList<>();
        for (JsonNode trial : search.path("trials")) {
            rungs.add(trial.path("evaluations").size());
            tried.add(trial.path("hyperparameters").toString());
            assertThat(trial.path("evaluations").findValues("epochs"))
                    .extracting(JsonNode::asInt)
                    .isEqualTo(List.of(1, 2, 4)
                            .subList(0, trial.path("evaluations").size()));
            assertThat(trial.path("evaluations").findValues("steps"))
                    .extracting(JsonNode::asInt)
                    .isEqualTo(List.of(80, 160, 320)
                            .subList(0, trial.path("evaluations").size()));
        }
        assertThat(rungs).containsExactlyInAnyOrder(3, 2, 2, 1, 1, 1);
        assertThat(tried).doesNotHaveDuplicates();
    }

    private void reports(JsonNode job) throws Exception {
        // The project's account has all trials.
        long yesterday = Instant.now().getEpochSecond() - 86_400;
        String model = "," + job.path("fine_tuned_model").asText() + ",0,0,0,0,";
        // One row a day.
        assertThat(server.get("/v1/organization/usage/completions?format=csv&start_time=" + yesterday)
                        .body()
                        .lines()
                        .filter(row -> row.contains(model))
                        .mapToLong(row -> Long.parseLong(row.substring(row.lastIndexOf(',') + 1)))
                        .sum())
                .isEqualTo(job.path("trained_tokens").asLong());
        assertThat(job.path("method").path("search").path("trials").asInt()).isEqualTo(6);
        JsonNode search = job.path("search");
        JsonNode best = search.path("trials").path(search.path("best_trial").asInt() - 1);
        List<String> rows = jobs.content(job.at("/result_files/0")).lines().toList();
        assertThat(rows).hasSize(7);
        assertThat(rows.get(0))
                .isEqualTo("trial,peft,rank,target_modules,layers,learns,learning_rate,trained_parameters,epochs,steps,"
                        + "validation_loss,pareto,best");
        for (JsonNode trial : search.path("trials")) {
            assertThat(trial.path("validation_loss").asDouble())
                    .isGreaterThanOrEqualTo(best.path("validation_loss").asDouble());
            String end = trial.path("validation_loss").asDouble() + ","
                    + trial.path("pareto").asBoolean() + "," + trial.equals(best);
            assertThat(rows.get(trial.path("trial").asInt())).endsWith(end);
        }
        assertThat(best.path("pareto").asBoolean()).isTrue();
        assertThat(jobs.content(job.at("/result_files/1")))
                .startsWith("<svg")
                .contains("trial 6: peft=")
                .endsWith("</svg>\n");
        assertThat(jobs.messages(job.path("id").asText()))
                .filteredOn(message -> message.contains(": validation loss="))
                .hasSize(6 + 3 + 1)
                .allMatch(message -> message.matches(
                        "Trial [1-6]/6 \\(peft=.*, learning_rate=.*\\): validation loss=[0-9.]+ after (80|160|320) steps, [0-9]+"
                                + " trained parameters"));
    }

    /** Ranks grow, are pruned and modules are left out, by the whole search's length, so halves of it are as good as whole. */
    @Test
    void layersAndWhatLearnsAreSearched() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String search = "{\"trials\":8,\"space\":{\"peft\":[\"lora\",\"increlora\"],\"layers\":[[0],[1]],"
                + "\"learns\":[\"all\",{\"type\":\"pdp\",\"sparsity\":0.5}]},"
                + "\"hyperparameters\":{\"n_epochs\":4,\"batch_size\":4,\"rank\":4}}";
        JsonNode job = jobs.ended(jobs.create(body(file, search)));
        Adapter best = jobs.adapter(job);
        List<JsonNode> trials = new ArrayList<>();
        job.at("/search/trials").forEach(trials::add);
        assertThat(trials)
                .extracting(trial -> trial.path("hyperparameters").toString())
                .doesNotHaveDuplicates()
                .anyMatch(tried -> tried.contains("increlora"))
                .anyMatch(tried -> tried.contains("\"learns\":{\"type\":\"pdp\",\"sparsity\":0.5}"))
                .anyMatch(tried -> tried.contains("\"layers\":[1]"))
                .anyMatch(tried -> tried.contains("\"layers\":[0,1]"))
                .noneMatch(tried -> tried.contains("increlora") && tried.contains("pdp"));
        for (JsonNode trial : trials) {
            long layers = trial.at("/hyperparameters/layers").size();
            long same = trials.stream()
                    .filter(other -> other.at("/hyperparameters/layers").size() == layers
                            && other.at("/hyperparameters/peft").equals(trial.at("/hyperparameters/peft")))
                    .mapToLong(other -> other.path("trained_parameters").asLong())
                    .distinct()
                    .count();
            assertThat(same).isEqualTo(1);
        }
        List<Integer> layers = new ArrayList<>();
        trials.get(job.at("/search/best_trial").asInt() - 1)
                .at("/hyperparameters/layers")
                .forEach(layer -> layers.add(layer.asInt()));
        assertThat(best.modules().keySet()).extracting(Adapter.Site::layer).hasSameElementsAs(layers);
    }

    @Test
    void preferencesAreSearched() throws Exception {
        String file = server.upload("pairs.jsonl", TrainingFiles.preferences(20));
        JsonNode job = jobs.ended(
                jobs.create(
                        body(
                                file,
                                "{\"trials\":2,\"objective\":\"dpo\",\"space\":{\"rank\":[1,2,4]},"
                                        + "\"hyperparameters\":{\"n_epochs\":2,\"batch_size\":4,\"beta\":0.2,\"learning_rate\":0.01}}")));
        jobs.adapter(job);
        assertThat(job.at("/method/search/objective").asText()).isEqualTo("dpo");
        // Without a change it is the logarithm of two.
        assertThat(job.at("/search/trials").findValues("validation_loss"))
                .isNotEmpty()
                .allMatch(loss -> loss.asDouble() < Math.log(2));
        JsonNode refused = jobs.ended(jobs.create(body(file, "{\"trials\":2}")));
        assertThat(refused.at("/error/message").asText()).contains("preference pairs");
    }

    /** What it says is of the largest trial, in the last rung: LoRA of rank 4 for 4 epochs of 10 steps. */
    @Test
    void aDryRunDescribesTheLargestTrial() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        String lora = "\"hyperparameters\":{\"rank\":4,\"n_epochs\":4,\"batch_size\":4}";
        JsonNode largest = server.json(server.post(
                        JOBS + "/dry_run", "{\"model\":\"tiny\",\"training_file\":\"" + file + "\"," + lora + "}"))
                .path("training");
        JsonNode search =
                server.json(server.post(JOBS + "/dry_run", body(file, SEARCH))).path("training");
        assertThat(search.path("steps").asInt()).isEqualTo(40);
        assertThat(search.path("trained_parameters")).isEqualTo(largest.path("trained_parameters"));
    }

    @Test
    void cancellingAndDeletingEndIt() throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(40));
        // So many epochs that it is not done by then.
        String id = jobs.create(body(file, SEARCH.replace("\"n_epochs\":4", "\"n_epochs\":50")));
        jobs.awaitMessage(id, "Trial 2/6");
        server.post(JOBS + "/" + id + "/cancel", "{}");
        assertThat(jobs.ended(id).path("status").asText()).isEqualTo("cancelled");
        assertThat(server.delete(JOBS + "/" + id).statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"trials\":1}|method.search.trials",
                "{\"trials\":65}|method.search.trials",
                "{\"space\":{\"peft\":[]}}|method.search.space.peft",
                "{\"hyperparameters\":{\"peft\":\"lore\"}}|method.search.hyperparameters.peft",
                "{\"objective\":\"search\"}|method.search.objective",
                "{\"hyperparameters\":{\"beta\":0.1}}|method.search.hyperparameters.beta",
                "{\"space\":{\"layers\":[[0],[1,0]]}}|method.search.space.layers",
                "{\"space\":{\"layers\":[[0,0]]}}|method.search.space.layers",
                "{\"space\":{\"layers\":[[]]}}|method.search.space.layers",
                "{\"trials\":2,\"space\":{\"layers\":[[0],[7]]}}|layers",
                "{\"space\":{\"learns\":[\"most\"]}}|method.search.space.learns[0]",
                "{\"space\":{\"learns\":[\"all\",{\"type\":\"pdp\",\"sparsity\":2}]}}|method.search.space.learns[1].sparsity",
                "{\"space\":{\"peft\":[\"ia3\"],\"learns\":[\"all\",{\"type\":\"pdp\"}]}}|method.search.space.learns",
                "{\"space\":{\"peft\":[\"lora\",\"ia3\"],\"learns\":[{\"type\":\"pdp\"}]}}|method.search.space.learns",
                "{\"space\":{\"layers\":[[0],[1]],\"learns\":[\"all\",{\"type\":\"ist\"}]}}|method.search.space.learns",
                "{\"space\":{\"peft\":[\"lore\"]}}|method.search.space.peft",
                "{\"space\":{\"rank\":[0,1]}}|method.search.space.rank",
                "{\"space\":{\"target_modules\":[[\"nose\"]]}}|method.search.space.target_modules",
                "{\"space\":{\"learning_rate\":{\"min\":0.1}}}|method.search.space.learning_rate.max",
                "{\"space\":{\"learning_rate\":{\"min\":0.1,\"max\":0.01}}}|method.search.space.learning_rate.min",
                "{\"space\":{\"rank\":[1,2]}}|method.search.trials",
                "{\"space\":{\"layers\":[1]}}|method.search.space.layers",
                "{\"space\":{\"rank\":[1,2]},\"hyperparameters\":{\"rank\":2}}|method.search.space.rank",
                "{\"hyperparameters\":{\"eval_every\":2}}|method.search.hyperparameters.eval_every",
                "{\"hyperparameters\":{\"schedule\":\"linear\"}}|method.search.hyperparameters.schedule",
                "{\"hyperparameters\":{\"n_epochs\":51}}|method.search.hyperparameters.n_epochs",
                "{\"hyperparameters\":{\"alpha\":3}}|method.search.hyperparameters.alpha",
                "{\"space\":{\"rank\":[1,512],\"learning_rate\":{\"min\":0.001,\"max\":0.02}}}|rank"
            })
    void wrongSettingsAreRefusedByName(String search, String field) throws Exception {
        String file = server.upload("train.jsonl", TrainingFiles.chats(4));
        HttpResponse<String> answer = server.post(JOBS, body(file, search));
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(param(answer)).as(answer.body()).isEqualTo(field);
    }

    private static String param(HttpResponse<String> answer) throws Exception {
        return JsonBody.MAPPER.readTree(answer.body()).at("/error/param").asText();
    }

    @Test
    void aValidationFileIsNeeded() throws Exception {
        HttpResponse<String> answer =
                server.post(JOBS, "{\"model\":\"tiny\",\"training_file\":\"file-1\",\"method\":{\"type\":\"search\"}}");
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(param(answer)).isEqualTo("validation_file");
    }
}
