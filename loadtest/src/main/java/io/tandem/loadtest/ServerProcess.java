package io.tandem.loadtest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A server for one measurement, with settings and data of its own; both are forgotten at the end. */
public final class ServerProcess implements AutoCloseable {
    private static final long START_SECONDS = 120;

    private final Process process;
    private final Path directory;
    private final String url;
    private final ApiClient client;

    private ServerProcess(Process process, Path directory, String url) {
        this.process = process;
        this.directory = directory;
        this.url = url;
        this.client = new ApiClient(url);
    }

    /**
     * Starts {@code ./tandem serve} in the working directory and waits until it is ready.
     *
     * @param settings a configuration file's text
     * @param cpus processors that the server may use, as {@code taskset -c} takes them; empty for all
     */
    public static ServerProcess start(Path model, String settings, String cpus)
            throws IOException, InterruptedException {
        Path directory = Files.createTempDirectory("tandem-load");
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        List<String> command = new ArrayList<>(cpus.isEmpty() ? List.of() : List.of("taskset", "-c", cpus));
        command.addAll(List.of("./tandem", "serve", "--port", Integer.toString(port)));
        command.addAll(List.of(
                "--model", model.toString(), "--data", directory.resolve("data").toString()));
        command.addAll(List.of(
                "--config",
                Files.writeString(directory.resolve("settings.yaml"), settings).toString()));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("log").toFile())
                .start();
        ServerProcess server = new ServerProcess(process, directory, "http://127.0.0.1:" + port);
        server.await();
        return server;
    }

    private void await() throws IOException, InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (System.nanoTime() < deadline && process.isAlive()) {
            try {
                client.get("/ready");
                return;
            } catch (IOException e) {
                Thread.sleep(200);
            }
        }
        String log = Files.readString(directory.resolve("log"));
        close();
        throw new IOException("the server did not start:\n" + log);
    }

    public String url() {
        return url;
    }

    public ApiClient client() {
        return client;
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
            try (Stream<Path> files = Files.walk(directory)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
