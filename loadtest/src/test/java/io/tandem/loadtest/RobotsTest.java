package io.tandem.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.testing.TinyModel;
import io.tandem.loadtest.crash.Crash;
import io.tandem.loadtest.fuzz.Fuzz;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Short runs of the robots against the server of this build, with a tiny model. */
@Timeout(240)
class RobotsTest {
    @TempDir
    private static Path directory;

    private static String serve;

    @BeforeAll
    static void prepare() throws IOException {
        TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).write(directory.resolve("tiny"));
        Path arguments = Files.writeString(
                directory.resolve("arguments"), "-cp \"" + System.getProperty("java.class.path") + "\"");
        serve = Path.of(System.getProperty("java.home"), "bin", "java") + " -Xmx512m -XX:TieredStopAtLevel=1 @"
                + arguments + " io.tandem.server.Main serve";
    }

    /** @return the exit code */
    private static int run(Object command, String... flags) {
        List<String> all = new ArrayList<>(List.of("--serve", serve, "--seed", "1"));
        all.addAll(List.of("--model", directory.resolve("tiny").toString()));
        all.addAll(List.of(flags));
        return new CommandLine(command).execute(all.toArray(String[]::new));
    }

    @Test
    void randomRequestsAreAnswered() {
        assertThat(run(new Fuzz(), "--requests", "300")).isZero();
    }

    @Test
    void killsLoseNothing() {
        loseNothing("--kills", "2", "--work", "1");
    }

    @Test
    void killsLoseNothingInPostgresAndS3() {
        loseNothing("--kills", "1", "--work", "1", "--stores");
    }

    private static void loseNothing(String... flags) {
        Crash crash = new Crash();
        assertThat(run(crash, flags)).isZero();
        Map<String, Integer> checked = crash.checked();
        assertThat(checked.keySet().stream()
                        .filter(kind -> checked.get(kind) > 0)
                        .map(kind -> kind.split(" ")[0]))
                .as("%s", checked)
                .contains("file", "job", "adapter");
    }
}
