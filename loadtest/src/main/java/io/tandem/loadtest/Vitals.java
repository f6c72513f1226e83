package io.tandem.loadtest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * What a server's process holds at one moment.
 *
 * @param heapBytes after a full garbage collection
 * @param rssBytes resident memory; 0 where there is no {@code /proc}
 * @param nativeBytes the part of it that is not the heap
 * @param threads that are alive
 * @param files open file descriptors; 0 where there is no {@code /proc}
 */
public record Vitals(double heapBytes, double rssBytes, double nativeBytes, double threads, double files) {
    private static final double KILO = 1024;
    private static final String HEAP = "area=\"heap\"";

    /** Has the server collect its garbage, and looks. */
    public static Vitals of(ServerProcess server) throws IOException, InterruptedException {
        Process collection = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                        Long.toString(server.pid()),
                        "GC.run")
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        if (collection.waitFor() != 0) {
            throw new IOException("jcmd cannot reach the server's process; is it alive?");
        }
        Scrape scrape = server.client().scrape();
        Path process = Path.of("/proc", Long.toString(server.pid()));
        double resident = rss(process.resolve("status"));
        return new Vitals(
                scrape.sum("jvm_memory_used_bytes", HEAP),
                resident,
                Math.max(0, resident - scrape.sum("jvm_memory_committed_bytes", HEAP)),
                scrape.sum("jvm_threads_live_threads"),
                files(process.resolve("fd")));
    }

    private static double rss(Path status) throws IOException {
        if (!Files.exists(status)) {
            return 0;
        }
        return Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToDouble(line -> KILO * Double.parseDouble(line.replaceAll("[^0-9]", "")))
                .sum();
    }

    private static double files(Path descriptors) throws IOException {
        if (!Files.exists(descriptors)) {
            return 0;
        }
        try (Stream<Path> all = Files.list(descriptors)) {
            return all.count();
        }
    }
}
