package io.tandem.loadtest.peers;

import io.tandem.loadtest.NodePackages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** llama.cpp with its prebuilt libraries, as npm has it. */
final class LlamaCppPackages {
    /** Of node-llama-cpp; 3.22.1 carries llama.cpp's libraries of ggml 0.5.0. */
    static final String VERSION = "3.22.1";

    private LlamaCppPackages() {}

    /** Installs the packages unless they are there. */
    static void install(Path directory) throws IOException, InterruptedException {
        NodePackages.install(
                directory, List.of("node-llama-cpp@" + VERSION, "@node-llama-cpp/" + platform() + "@" + VERSION));
    }

    private static String platform() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        boolean arm = System.getProperty("os.arch").equals("aarch64");
        if (system.startsWith("mac")) {
            return arm ? "mac-arm64-metal" : "mac-x64";
        }
        return (system.startsWith("windows") ? "win" : "linux") + (arm ? "-arm64" : "-x64");
    }
}
