package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.server.client.AdaptersCommand;
import io.tandem.server.client.FinetuneCommand;
import io.tandem.server.client.JobsCommand;
import io.tandem.server.storage.StoredData;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The commands that train, against a running server. */
@Timeout(120)
class JobsCommandIT {
    private static final String LINE = "{\"prompt\":\"ab\",\"completion\":\"cd\"}\n";

    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws IOException {
        server = RunningServer.start(directory);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /**
     * @param text all that was said
     * @param out of it, the answer
     */
    private record Said(int status, String text, String out) {}

    private static Said run(Object command, String... arguments) {
        StringWriter text = new StringWriter();
        StringWriter out = new StringWriter();
        CommandLine line = new CommandLine(command);
        line.setOut(new PrintWriter(out));
        line.setErr(new PrintWriter(text));
        String[] all = new String[arguments.length + 2];
        System.arraycopy(arguments, 0, all, 0, arguments.length);
        all[arguments.length] = "--url";
        all[arguments.length + 1] = server.url();
        int status = line.execute(all);
        return new Said(status, text + out.toString(), out.toString());
    }

    private static String file(String name, String content) throws IOException {
        return Files.writeString(directory.resolve(name), content).toString();
    }

    @Test
    void finetuneTrainsAndNamesTheModel() throws Exception {
        String file = file("train.jsonl", LINE.repeat(20));
        Said said = run(new FinetuneCommand(), file, "--name", "mine", "--epochs", "2", "--batch-size", "4");
        assertThat(said.status()).as(said.text()).isZero();
        assertThat(said.text()).containsPattern("loss \\d\\.\\d{4} [▁▂▃▄▅▆▇█]{10} \\d\\.\\d{4}");
        String model = said.text().replaceAll("(?s).*The model '(.*)' can be called.*", "$1");
        assertThat(server.get("/v1/models/" + model).statusCode()).isEqualTo(200);
        assertThat(run(new JobsCommand(), "list").text()).contains(model).contains("succeeded");
        String controlled = file("both.jsonl", LINE.replaceFirst("\\{", "{\"control\":\"curt\","));
        String[] under = {"--control", "curt=" + model, "--control", "polite=" + model};
        String[] dry = {controlled, "--name", "tone", "--dry-run", under[0], under[1], under[2], under[3]};
        assertThat(run(new FinetuneCommand(), dry).text()).contains("curt: ab[cd");
    }

    @Test
    void aSearchShowsItsFront() throws Exception {
        String file = file("search.jsonl", LINE.repeat(8));
        String[] search = {
            file,
            "--name",
            "found",
            "--validation",
            file,
            "--trials",
            "3",
            "--search-ranks",
            "1,2",
            "--search-methods",
            "lora,ia3",
            "--search-learning-rates",
            "0.001",
            "0.01",
            "--epochs",
            "2",
            "--batch-size",
            "4"
        };
        Said said = run(new FinetuneCommand(), search);
        assertThat(said.status()).as(said.text()).isZero();
        assertThat(said.text())
                .containsPattern("TRIAL +PARAMETERS +VALIDATION LOSS +HYPERPARAMETERS")
                .containsPattern("\\d +\\d+ +\\d\\.\\d{4} +\\{\"peft\":\"(lora|ia3)\"")
                .contains("can be called");
        Said alone = run(new FinetuneCommand(), file, "--name", "found", "--trials", "1");
        assertThat(alone.text()).contains("--validation");
        search[6] = "1";
        assertThat(run(new FinetuneCommand(), search).text()).contains("--trials must be from 2 to 64");
        String pairs = file("pairs.jsonl", TrainingFiles.preferences(8));
        String[] preferences = {
            pairs,
            "--name",
            "found",
            "--validation",
            pairs,
            "--trials",
            "2",
            "--search-layers",
            "0,1",
            "--search-learns",
            "all,pdp",
            "--epochs",
            "1",
            "--dpo"
        };
        Said dpo = run(new FinetuneCommand(), preferences);
        assertThat(dpo.status()).as(dpo.text()).isZero();
        assertThat(dpo.text()).containsPattern("\\{\"peft\":\"lora\".*\"layers\":\\[");
        preferences[8] = "0-1,1";
        assertThat(run(new FinetuneCommand(), preferences).text())
                .contains("--search-layers has layer 1 in two groups");
    }

    @Test
    void aDistilledFileIsFetched() throws Exception {
        String file = file(
                "distill.jsonl",
                IntStream.range(0, 8)
                        .mapToObj(i -> LINE.replace("cd", "cd" + i))
                        .collect(Collectors.joining()));
        Path target = directory.resolve("small.jsonl");
        String[] distill = {
            file,
            "--name",
            "small",
            "--distill",
            "3",
            "--distilled",
            target.toString(),
            "--epochs",
            "1",
            "--layers",
            "0"
        };
        Said said = run(new FinetuneCommand(), distill);
        assertThat(said.status()).as(said.text()).isZero();
        assertThat(said.text()).containsPattern("The file 'file-[0-9a-f]+' has 3 of the 8 examples\\.");
        assertThat(Files.readAllLines(target)).hasSize(3).doesNotHaveDuplicates();
        distill[4] = "8";
        assertThat(run(new FinetuneCommand(), distill).text()).contains("only 8 different ones");
        assertThat(run(new FinetuneCommand(), file, "--name", "small", "--distill", "3", "--distill-texts", "written")
                        .text())
                .contains("is no chat; only chats can be written");
        assertThat(run(new FinetuneCommand(), file, "--name", "small", "--distill", "3", "--dpo")
                        .text())
                .contains("--distill goes neither with --dpo");
    }

    @Test
    void aDryRunShowsWhatIsLearned() throws Exception {
        Said said = run(new FinetuneCommand(), file("dry.jsonl", LINE), "--name", "dry", "--dry-run");
        assertThat(said.status()).isZero();
        assertThat(said.text()).contains("ab[cd").contains("MB needed").contains("1 examples", "read as 1 completion");
    }

    /** The server says which tokens a text has; whole ones, without any that begins a text. */
    @Test
    void anInvocationIsAText() throws Exception {
        String[] alora = {"--name", "judge", "--method", "alora", "--dry-run", "--invocation"};
        String[] right = {file("judge.jsonl", LINE), alora[0], alora[1], alora[2], alora[3], alora[4], alora[5], "b"};
        assertThat(run(new FinetuneCommand(), right).text()).contains("ab[cd");
        String[] wrong = right.clone();
        wrong[7] = "x";
        assertThat(run(new FinetuneCommand(), wrong).text())
                .contains("example 1 has no token to learn behind the --invocation, or lacks them");
    }

    @Test
    void jobsArePausedResumedAndCancelled() throws Exception {
        String file = file("long.jsonl", LINE.repeat(200));
        String[] train = {file, "--name", "long", "--epochs", "50", "--batch-size", "4", "--detach"};
        String id = run(new FinetuneCommand(), train).text().strip();
        assertThat(run(new JobsCommand(), "pause", id).text()).contains("is paused");
        assertThat(run(new JobsCommand(), "resume", id).text()).contains("is queued");
        assertThat(run(new JobsCommand(), "cancel", id).text()).contains("is cancelled");
        assertThat(run(new JobsCommand(), "checkpoints", id).status()).isZero();
        Said followed = run(new JobsCommand(), "follow", id);
        assertThat(followed.status()).isEqualTo(1);
        assertThat(followed.text()).contains("The job is cancelled.");
    }

    private static JsonNode json(Object command, String... arguments) throws Exception {
        String[] all = Arrays.copyOf(arguments, arguments.length + 1);
        all[arguments.length] = "--json";
        Said said = run(command, all);
        assertThat(said.status()).as(said.text()).isZero();
        return new JsonMapper().readTree(said.out());
    }

    @Test
    void everyFlagReachesTheJob() throws Exception {
        String file = file("flags.jsonl", LINE.repeat(8));
        JsonNode base = json(new FinetuneCommand(), file, "--name", "base", "--epochs", "1", "--checkpoints", "0");
        assertThat(base.path("status").asText()).isEqualTo("succeeded");
        String model = base.path("fine_tuned_model").asText();
        String flags = "--name flags --validation " + file + " --target-modules q_proj,v_proj --weight-decay 0.1"
                + " --eval-every 1 --early-stopping 3 --keep-best --under " + model + " --weight 2 --lora-plus-ratio 4"
                + " --checkpoints 2 --epochs 2 --batch-size 4 --learns ist --learning-share 0.5 --probe-every 3";
        String[] arguments = (file + " " + flags).split(" ");
        JsonNode job = json(new FinetuneCommand(), arguments);
        assertThat(job.path("status").asText()).as(job.toString()).isEqualTo("succeeded");
        String id = job.path("id").asText();
        JsonNode request = new JsonMapper()
                .readTree(StoredData.read(directory.resolve("data"), "jobs", id))
                .at("/request/method/supervised/hyperparameters");
        assertThat(request.toString())
                .isEqualTo("{\"target_modules\":[\"q_proj\",\"v_proj\"],"
                        + "\"learns\":{\"type\":\"ist\",\"share\":0.5,\"probe_every\":3},\"under\":[\"" + model
                        + "\"],\"n_epochs\":2,\"batch_size\":4,\"weight_decay\":0.1,\"lora_plus_ratio\":4.0,"
                        + "\"eval_every\":1,\"early_stopping_patience\":3,\"keep_best\":true,\"n_checkpoints\":2,"
                        + "\"weight\":2.0}");
        assertThat(json(new JobsCommand(), "get", id)).isEqualTo(job);
        assertThat(run(new JobsCommand(), "get", id).text())
                .contains("succeeded")
                .contains(id);
        assertThat(run(new JobsCommand(), "events", id).text().lines())
                .first()
                .asString()
                .contains("Created fine-tuning job");
        assertThat(json(new JobsCommand(), "checkpoints", id).path("data")).hasSize(2);
        String listed = run(new AdaptersCommand(), "list").text();
        assertThat(listed).contains("trained by " + id, "tiny + 1 adapters").doesNotContain("ckpt-step");
        assertThat(run(new AdaptersCommand(), "list", "--checkpoints").text()).contains("ckpt-step");
    }

    @Test
    void progressThatNobodyWatchesComesInLines() throws Exception {
        Said said = run(new FinetuneCommand(), file("lines.jsonl", LINE.repeat(8)), "--name", "lines", "--epochs", "3");
        assertThat(said.status()).as(said.text()).isZero();
        assertThat(said.text()).doesNotContain("\r").containsPattern("ftjob-[0-9a-f]+: step 24/24, loss ");
        assertThat(said.out()).doesNotContain("ftjob-");
    }

    @Test
    void filesAreUploadedOnceAndThoseOfDryRunsGo() throws Exception {
        int before = server.json(server.get("/v1/files")).path("data").size();
        String file = file("once.jsonl", LINE.repeat(3) + " ".repeat(7));
        run(new FinetuneCommand(), file, "--name", "once", "--dry-run");
        run(new FinetuneCommand(), file, "--name", "once", "--epochs", "0");
        assertThat(server.json(server.get("/v1/files")).path("data")).hasSize(before);
        for (int i = 0; i < 2; i++) {
            Said said = run(new FinetuneCommand(), file, "--name", "once", "--epochs", "1", "--detach");
            assertThat(said.status()).as(said.text()).isZero();
            run(new FinetuneCommand(), file, "--name", "once", "--dry-run");
        }
        assertThat(server.json(server.get("/v1/files?purpose=fine-tune")).path("data"))
                .filteredOn(object -> object.path("filename").asText().equals("once.jsonl"))
                .hasSize(1);
    }

    @Test
    void aFailedJobSaysWhy() throws Exception {
        String file = server.upload("wrong.jsonl", "nonsense");
        String id = server.json(
                        server.post("/v1/fine_tuning/jobs", "{\"model\":\"tiny\",\"training_file\":\"" + file + "\"}"))
                .path("id")
                .asText();
        assertThat(run(new JobsCommand(), "follow", id).status()).isEqualTo(1);
        assertThat(run(new JobsCommand(), "list").text()).contains("has 1 wrong line");
        assertThat(run(new JobsCommand(), "get", id).text()).contains("has 1 wrong line");
    }

    /** Stopping the command does not stop the job, and whoever does it is told so. */
    @Test
    void whoStopsTheCommandIsToldThatTheJobGoesOn() throws Exception {
        String file = file("stopped.jsonl", LINE.repeat(200));
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "io.tandem.server.Main",
                        "finetune",
                        file,
                        "--name",
                        "stopped",
                        "--epochs",
                        "50",
                        "--batch-size",
                        "4",
                        "--url",
                        server.url() + "/v1")
                .redirectErrorStream(true)
                .start();
        String id = "";
        StringBuilder said = new StringBuilder();
        try (BufferedReader out = process.inputReader()) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                said.append(line).append("\n");
                if (line.startsWith("ftjob-") && id.isEmpty()) {
                    id = line.substring(0, line.indexOf(':'));
                    // That of the process itself closes the stream too.
                    process.toHandle().destroy();
                }
            }
        } finally {
            process.destroyForcibly();
        }
        assertThat(said.toString()).contains("The job goes on.").contains("'tandem jobs cancel " + id + "'");
        JsonNode job = server.json(server.post("/v1/fine_tuning/jobs/" + id + "/cancel", "{}"));
        assertThat(job.path("status").asText()).isEqualTo("cancelled");
    }

    @Test
    void mistakesAreNamedByTheirFlags() throws Exception {
        String file = file("flag.jsonl", LINE);
        assertThat(run(new FinetuneCommand(), file, "--name", "my model").text())
                .contains("--name may have letters");
        assertThat(run(new FinetuneCommand(), file, "--name", "x", "--epochs", "0")
                        .text())
                .contains("--epochs must be from 1 to 50");
        String[] pruned = {file, "--name", "x", "--learns", "pdp", "--module-sparsity", "0.5"};
        assertThat(run(new FinetuneCommand(), pruned).text()).contains("--module-sparsity is not a setting of 'pdp'");
        String wrong = file("wrong.jsonl", "nonsense");
        assertThat(run(new FinetuneCommand(), wrong, "--name", "x", "--dry-run").text())
                .contains(wrong + " has 1 wrong line");
    }

    /** A row stays a row, however long the message; the whole of it is where one job is shown. */
    @Test
    void aLongMessageIsClippedInTheList() throws Exception {
        String file = file("long.jsonl", "nonsense\n".repeat(9));
        String failed = run(new FinetuneCommand(), file, "--name", "x").text();
        String id = failed.substring(failed.indexOf("ftjob-")).split("\\W\\W", 2)[0];
        assertThat(run(new JobsCommand(), "list").text().lines())
                .filteredOn(line -> line.startsWith(id))
                .singleElement()
                .satisfies(
                        line -> assertThat(line).contains("has 9 wrong lines").endsWith("…"));
        assertThat(run(new JobsCommand(), "get", id).text()).contains("line 9: is not valid JSON");
    }

    @Test
    void mistakesSayWhatToDo() throws Exception {
        assertThat(run(new JobsCommand(), "cancel", "ftjob-nope").status()).isNotZero();
        assertThat(run(new FinetuneCommand(), directory.resolve("missing").toString(), "--name", "x")
                        .text())
                .contains("there is no file");
        assertThat(run(new FinetuneCommand(), "x.jsonl").text()).contains("--name");
    }
}
