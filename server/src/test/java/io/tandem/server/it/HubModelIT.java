package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.Main;
import io.tandem.server.remote.LocalHub;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code --model OWNER/NAME} on the command line, in a process with an environment of its own. */
@Timeout(120)
class HubModelIT {
    @TempDir
    private Path directory;

    private record Said(int status, String text) {}

    private Said doctor(String endpoint, String model, boolean offline, String... flags)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                "-Dtandem.home=" + directory,
                Main.class.getName(),
                "doctor",
                "--model",
                model));
        command.addAll(List.of(flags));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("HF_ENDPOINT", endpoint);
        builder.environment().put("HF_HOME", directory.resolve("home").toString());
        builder.environment().put("HF_TOKEN", "hf_secret");
        if (offline) {
            builder.environment().put("HF_HUB_OFFLINE", "1");
        }
        Process process = builder.start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(text).doesNotContain("hf_secret").doesNotContain("\tat ");
        return new Said(process.waitFor(), text);
    }

    @Test
    void aModelIsFetchedOnceAndCalledByItsName() throws Exception {
        TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1).write(directory.resolve("model"));
        try (LocalHub hub = new LocalHub()) {
            hub.publish("org/tiny", directory.resolve("model"));
            Said asked = doctor(hub.url(), "org/tiny@v1", false);
            assertThat(asked.text())
                    .contains("0.00 GB, neither downloaded nor checked; --download does both")
                    .contains("'org/tiny' can be served.");
            assertThat(hub.fetched("model.safetensors")).isEmpty();
            Said first = doctor(hub.url(), "org/tiny@v1", false, "--download");
            assertThat(first.text()).contains("tensors in F32", "'org/tiny' can be served.");
            assertThat(first.status()).isZero();
            Said unknown = doctor(hub.url(), "org/other", false);
            assertThat(unknown.status()).isEqualTo(1);
            assertThat(unknown.text())
                    .contains("there is no directory org/other, and there is no repository 'org/other' at");
        }
        Said second = doctor("http://127.0.0.1:1", "org/tiny@v1", true);
        assertThat(second.text()).contains("'org/tiny' can be served.");
    }
}
