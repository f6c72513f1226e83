package io.tandem.server.it;

import io.tandem.kernels.testing.TinyModel;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code tandem serve} over a tiny model, as an operator runs it: with a settings file, a log and signals. */
final class ServeProcess implements AutoCloseable {
    private static final Pattern ADDRESS = Pattern.compile("on (https?)://127\\.0\\.0\\.1:([0-9]+);");
    private static final long END_SECONDS = 60;

    private final Process process;
    private final Path log;
    private final BufferedReader out;
    private final HttpClient client = HttpClient.newHttpClient();
    private int port;
    private String key = "";

    private ServeProcess(Process process, Path log) {
        this.process = process;
        this.log = log;
        this.out = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /**
     * Starts the process, and returns before the server is there.
     *
     * @param directory gets a model, if there is none, the log, and keeps the server's data
     * @param settings more of them, in YAML
     * @param prefix of the command, for example one that sets limits
     */
    static ServeProcess begin(Path directory, String settings, String... prefix) throws IOException {
        Path model = directory.resolve(RunningServer.MODEL);
        if (!Files.exists(model)) {
            TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).write(model);
        }
        Path file = Files.writeString(
                directory.resolve("tandem.yaml"), """
                data: %s
                model: %s
                http: {port: 0}
                scheduler: {fixed-window-tokens: 48}
                kernels: {dtype: float32, weight-form: plain, threads: 1, kv-slots: 8, context-tokens: 256, max-rank: 16, pack-tokens: 512}
                """.formatted(directory.resolve("data"), model) + settings);
        List<String> command = new ArrayList<>(List.of(prefix));
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Xmx512m",
                // Its own log, and not that of tests.
                "-Dlogback.configurationFile=logback.xml",
                "-cp",
                System.getProperty("java.class.path"),
                "io.tandem.server.Main",
                "serve",
                "--config",
                file.toString()));
        Path log = directory.resolve("log");
        Process process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectError(new File(log.toString()))
                .start();
        return new ServeProcess(process, log);
    }

    /** A server that answers. */
    static ServeProcess start(Path directory, String settings, String... prefix) throws IOException {
        ServeProcess server = begin(directory, settings, prefix);
        for (String line = server.out.readLine(); line != null; line = server.out.readLine()) {
            Matcher address = ADDRESS.matcher(line);
            if (!address.find()) {
                throw new IOException("standard output is for scripts, and has: " + line);
            }
            server.port = Integer.parseInt(address.group(2));
            return server;
        }
        throw new IOException("the server does not start: " + server.log());
    }

    int port() {
        return port;
    }

    /** What it has logged. */
    String log() throws IOException {
        return Files.exists(log) ? Files.readString(log) : "";
    }

    void awaitLog(String text) throws IOException, InterruptedException {
        while (!log().contains(text)) {
            if (!process.isAlive() && !log().contains(text)) {
                throw new IOException("the server has ended without '" + text + "': " + log());
            }
            Thread.sleep(5);
        }
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return client.send(request(path).build(), BodyHandlers.ofString());
    }

    HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
        return client.send(
                request(path)
                        .header("Content-Type", "application/json")
                        .POST(BodyPublishers.ofString(body))
                        .build(),
                BodyHandlers.ofString());
    }

    private HttpRequest.Builder request(String path) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path));
        return key.isEmpty() ? request : request.header("Authorization", "Bearer " + key);
    }

    /** Sends requests with this key from now on. */
    void key(String value) {
        key = value;
    }

    /** Sends SIGTERM. */
    void terminate() {
        process.destroy();
    }

    /** Waits for the end; returns the exit status. */
    int awaitEnd() throws IOException, InterruptedException {
        if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
            throw new IOException("the server does not end: " + log());
        }
        return process.exitValue();
    }

    /** What {@code kill -9} does, if it has not ended. */
    @Override
    public void close() {
        process.destroyForcibly();
        process.onExit().join();
    }
}
