package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.server.client.FinetuneCommand;
import io.tandem.server.client.JobsCommand;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
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

    private record Said(int status, String text) {}

    private static Said run(Object command, String... arguments) {
        StringWriter text = new StringWriter();
        CommandLine line = new CommandLine(command);
        line.setOut(new PrintWriter(text));
        line.setErr(new PrintWriter(text));
        String[] all = new String[arguments.length + 2];
        System.arraycopy(arguments, 0, all, 0, arguments.length);
        all[arguments.length] = "--url";
        all[arguments.length + 1] = server.url();
        return new Said(line.execute(all), text.toString());
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
    void aDryRunShowsWhatIsLearned() throws Exception {
        Said said = run(new FinetuneCommand(), file("dry.jsonl", LINE), "--name", "dry", "--dry-run");
        assertThat(said.status()).isZero();
        assertThat(said.text()).contains("ab[cd").contains("MB needed").contains("1 examples", "read as 1 completion");
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

    @Test
    void mistakesSayWhatToDo() throws Exception {
        assertThat(run(new JobsCommand(), "cancel", "ftjob-nope").status()).isNotZero();
        assertThat(run(new FinetuneCommand(), directory.resolve("missing").toString(), "--name", "x")
                        .text())
                .contains("there is no file");
        assertThat(run(new FinetuneCommand(), "x.jsonl").text()).contains("--name");
    }
}
