package io.tandem.loadtest.simulation;

import io.gatling.app.Gatling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** Gatling in a process of its own, because it ends its process. */
final class GatlingProcess {
    /** Below the directory of a run. */
    private static final String RESULTS = "gatling";

    private GatlingProcess() {}

    /**
     * Runs the {@link Run} in a directory and leaves Gatling's report there.
     *
     * @return Gatling's exit status; 0 if all assertions hold
     */
    static int run(Path directory) throws IOException, InterruptedException {
        Path results = directory.resolve(RESULTS);
        clear(results);
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--add-opens=java.base/java.lang=ALL-UNNAMED",
                        "-D" + TrafficSimulation.DIRECTORY + "=" + directory,
                        "-cp",
                        System.getProperty("java.class.path"),
                        Gatling.class.getName(),
                        "--simulation",
                        TrafficSimulation.class.getName(),
                        "--results-folder",
                        results.toString())
                .inheritIO()
                .start()
                .waitFor();
    }

    /** The page that Gatling wrote, relative to the run's directory. */
    static Path page(Path directory) throws IOException {
        try (Stream<Path> pages =
                Files.find(directory.resolve(RESULTS), 2, (file, kind) -> file.endsWith("index.html"))) {
            return directory.relativize(
                    pages.findFirst().orElseThrow(() -> new IOException("Gatling wrote no report in " + directory)));
        }
    }

    private static void clear(Path folder) throws IOException {
        if (Files.exists(folder)) {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }
}
