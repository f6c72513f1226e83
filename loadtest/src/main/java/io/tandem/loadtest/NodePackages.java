package io.tandem.loadtest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Packages from npm in a directory of their own. npm runs no script of theirs. */
public final class NodePackages {
    private NodePackages() {}

    /**
     * Installs packages unless all of them are there.
     *
     * @param packages names with versions, for example {@code @huggingface/jinja@0.5.11}
     * @throws IOException if npm is missing or fails
     */
    public static void install(Path directory, List<String> packages) throws IOException, InterruptedException {
        Files.createDirectories(directory);
        if (packages.stream().allMatch(one -> Files.exists(manifest(directory, one)))) {
            return;
        }
        Files.writeString(directory.resolve("package.json"), "{\"private\": true}\n");
        // Optional packages can be large: node-llama-cpp's are the libraries of every platform, nearly a gigabyte.
        List<String> command = new ArrayList<>(
                List.of("npm", "install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"));
        command.addAll(packages);
        Process npm = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        if (npm.waitFor() != 0) {
            throw new IOException("npm could not install " + String.join(", ", packages)
                    + "; this needs Node.js 20 and access to the npm registry");
        }
    }

    private static Path manifest(Path directory, String versioned) {
        String name = versioned.substring(0, versioned.lastIndexOf('@'));
        return directory.resolve("node_modules").resolve(name).resolve("package.json");
    }
}
