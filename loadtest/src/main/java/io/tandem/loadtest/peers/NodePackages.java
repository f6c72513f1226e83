package io.tandem.loadtest.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** llama.cpp with its prebuilt libraries, as npm has it. Nothing but these packages is downloaded or run. */
final class NodePackages {
    /** Of node-llama-cpp; 3.22.1 carries llama.cpp's libraries of ggml 0.5.0. */
    static final String VERSION = "3.22.1";

    private NodePackages() {}

    /** Installs the packages unless they are there. */
    static void install(Path directory) throws IOException, InterruptedException {
        Files.createDirectories(directory);
        if (Files.exists(directory.resolve("node_modules/node-llama-cpp/package.json"))) {
            return;
        }
        Files.writeString(directory.resolve("package.json"), "{\"private\": true}\n");
        // The optional packages are the libraries of every platform and graphics card, nearly a gigabyte.
        Process npm = new ProcessBuilder(List.of(
                        "npm",
                        "install",
                        "--ignore-scripts",
                        "--omit=optional",
                        "--no-audit",
                        "--no-fund",
                        "node-llama-cpp@" + VERSION,
                        "@node-llama-cpp/" + platform() + "@" + VERSION))
                .directory(directory.toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        if (npm.waitFor() != 0) {
            throw new IOException("npm could not install node-llama-cpp; Node.js 20 and access to npm are needed");
        }
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
