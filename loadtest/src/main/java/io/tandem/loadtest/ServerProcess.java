package io.tandem.loadtest;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A server in a process of its own, with settings and data of its own. */
public final class ServerProcess implements AutoCloseable {
    private static final long START_SECONDS = 120;
    private static final long POLL_MILLIS = 50;

    private final Process process;
    private final Path directory;
    private final boolean temporary;
    private final String url;
    private final ApiClient client;

    private ServerProcess(Process process, Path directory, boolean temporary, String url) {
        this.process = process;
        this.directory = directory;
        this.temporary = temporary;
        this.url = url;
        this.client = new ApiClient(url);
    }

    /**
     * Starts {@code ./tandem serve} in the working directory and waits until it is ready. Its data is gone when it ends.
     *
     * @param settings a configuration file's text
     * @param cpus processors that the server may use, as {@code taskset -c} takes them; empty for all
     */
    public static ServerProcess start(Path model, String settings, String cpus)
            throws IOException, InterruptedException {
        return start(ServerSetup.of(model, settings).on(cpus));
    }

    /** Starts a server whose data is gone when it ends, and waits until it is ready. */
    public static ServerProcess start(ServerSetup setup) throws IOException, InterruptedException {
        ServerProcess server = launch(setup, Leftovers.directory("tandem-load"), true);
        server.await();
        return server;
    }

    /**
     * Starts a server without waiting for it.
     *
     * @param directory keeps the data, the settings and the log, also when the server has ended
     */
    public static ServerProcess launch(ServerSetup setup, Path directory) throws IOException {
        return launch(setup, directory, false);
    }

    private static ServerProcess launch(ServerSetup setup, Path directory, boolean temporary) throws IOException {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        List<String> command = new ArrayList<>(setup.command());
        command.addAll(List.of("--port", Integer.toString(port)));
        command.addAll(List.of(
                "--model", setup.model().toString(), "--data", data(directory).toString()));
        command.addAll(List.of(
                "--config",
                Files.writeString(directory.resolve("settings.yaml"), setup.settings())
                        .toString()));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log(directory).toFile()));
        builder.environment().putAll(setup.environment());
        Process process = Leftovers.start(builder);
        return new ServerProcess(process, directory, temporary, "http://127.0.0.1:" + port);
    }

    private static Path log(Path directory) {
        return directory.resolve("log");
    }

    /** Where a server keeps what it stores. */
    public static Path data(Path directory) {
        return directory.resolve("data");
    }

    /** @throws IOException with the log, if the server does not become ready; then it has ended */
    public void await() throws IOException, InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (System.nanoTime() < deadline && process.isAlive()) {
            try {
                client.get("/ready");
                return;
            } catch (IOException e) {
                Thread.sleep(POLL_MILLIS);
            }
        }
        String log = Files.readString(log());
        close();
        throw new IOException("the server did not start:\n" + log);
    }

    public String url() {
        return url;
    }

    public ApiClient client() {
        return client;
    }

    public long pid() {
        return process.pid();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** What the server and those before it in the same directory wrote. */
    public Path log() {
        return log(directory);
    }

    public Path data() {
        return data(directory);
    }

    /** Of the data, the settings and the log. */
    public Path directory() {
        return directory;
    }

    /** What {@code kill -9} does. */
    public void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
        Leftovers.ended(process);
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
            Leftovers.ended(process);
            if (temporary) {
                Leftovers.delete(directory);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
