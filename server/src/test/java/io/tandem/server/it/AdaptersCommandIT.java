package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.client.AdaptersCommand;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code tandem adapters} against a server. */
@Timeout(120)
class AdaptersCommandIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static AdapterClient adapters;

    @BeforeAll
    static void start() throws IOException {
        server = RunningServer.start(directory);
        adapters = new AdapterClient(server, directory);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static String run(int status, String... args) {
        return runOn(server.url(), status, args);
    }

    private static String runOn(String url, int status, String... args) {
        StringWriter out = new StringWriter();
        CommandLine command = new CommandLine(new AdaptersCommand());
        command.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(out, true));
        command.setExecutionExceptionHandler((failure, line, parsed) -> {
            line.getErr().println(failure.getMessage());
            return 1;
        });
        List<String> all = new ArrayList<>(List.of(args));
        all.addAll(List.of("--url", url));
        int found = command.execute(all.toArray(String[]::new));
        assertThat(found).as(out.toString()).isEqualTo(status);
        return out.toString();
    }

    @Test
    void adaptersComeInAreMergedCompressedTakenBackAndGoOut() throws Exception {
        for (int i = 1; i < 3; i++) {
            adapters.write("a" + i, TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, i));
            String shown =
                    run(0, "import", "a" + i, directory.resolve("import/a" + i).toString());
            assertThat(shown).contains("a" + i + ": version").contains("14 modules, rank 4, norm ");
        }
        assertThat(run(0, "merge", "both", "a1", "a2", "--strategy", "ties", "--density", "0.5", "--weights", "1,0.5"))
                .contains("ties dropped 50.0 %");
        Path examples = Files.writeString(directory.resolve("examples.jsonl"), TrainingFiles.chats(8));
        String measured = examples.toString();
        assertThat(run(0, "compress", "both", "--density", "0.3", "--validation", measured))
                .contains("times smaller")
                .contains("alpha ")
                .contains("validation loss ");
        assertThat(run(0, "merge", "found", "a1", "a2", "--validation", measured, "--evaluations", "3"))
                .contains("after 3 merges; right validation answers ")
                .contains("; loss ");
        run(0, "delete", "found");
        assertThat(run(0, "get", "both")).contains("compressed").contains("plain");
        run(0, "rollback", "both");
        run(0, "pin", "both");
        assertThat(run(0, "list")).contains("NAME").contains("both").contains("pinned");
        assertThat(new JsonMapper().readTree(run(0, "list", "--json")).path("data"))
                .hasSize(3);
        Path zip = directory.resolve("out.zip");
        run(0, "export", "both", zip.toString());
        run(0, "import", "again", zip.toString());
        assertThat(adapters.text("again")).isEqualTo(adapters.text("both"));
        run(0, "delete", "again");
        assertThat(run(1, "get", "again")).contains("There is no adapter 'again'");
    }

    @Test
    void aServerThatIsNotThereIsSaidInOneLine() {
        assertThat(runOn("http://127.0.0.1:1", 1, "list")).contains("no server answers on http://127.0.0.1:1");
    }
}
