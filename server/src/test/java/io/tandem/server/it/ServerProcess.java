package io.tandem.server.it;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A {@link RunningServer} in a process of its own, which can be killed. */
final class ServerProcess implements AutoCloseable {
    private static final String READY = "ready on ";

    private final Process process;
    private final String url;
    private final HttpClient client = HttpClient.newHttpClient();

    private ServerProcess(Process process, String url) {
        this.process = process;
        this.url = url;
    }

    /** The process's life: starts the server and waits to be killed. */
    public static void main(String[] args) throws Exception {
        RunningServer server =
                RunningServer.start(Path.of(args[0]), Integer.parseInt(args[1]), Integer.parseInt(args[2]));
        System.out.println(READY + server.url());
        Thread.currentThread().join();
    }

    /**
     * @param directory of the server, also for its temporary files
     * @param concurrentJobs that train at once
     */
    static ServerProcess start(Path directory, int fixedWindowTokens, int concurrentJobs) throws IOException {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx512m",
                        "-Djava.io.tmpdir=" + directory,
                        same(RunningServer.DOCUMENTS),
                        same(RunningServer.BLOBS),
                        "-cp",
                        System.getProperty("java.class.path"),
                        ServerProcess.class.getName(),
                        directory.toString(),
                        String.valueOf(fixedWindowTokens),
                        String.valueOf(concurrentJobs))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        BufferedReader out =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        for (String line = out.readLine(); line != null; line = out.readLine()) {
            if (line.startsWith(READY)) {
                drain(process.getInputStream());
                return new ServerProcess(process, line.substring(READY.length()));
            }
        }
        throw new IOException("the server's process ended before it was ready");
    }

    /** A server whose log nobody reads stands still when the pipe is full. */
    private static void drain(InputStream log) {
        Thread reader = new Thread(
                () -> {
                    try {
                        log.transferTo(OutputStream.nullOutputStream());
                    } catch (IOException e) {
                        // It was killed.
                    }
                },
                "log of a server");
        reader.setDaemon(true);
        reader.start();
    }

    private static String same(String property) {
        String address = System.getProperty(property);
        return address == null ? "-Dtandem.test=true" : "-D" + property + "=" + address;
    }

    String get(String path) throws IOException, InterruptedException {
        return client.send(HttpRequest.newBuilder(URI.create(url + path)).build(), BodyHandlers.ofString())
                .body();
    }

    /** Sends no body. */
    String post(String path) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + path))
                .POST(HttpRequest.BodyPublishers.noBody())
                .build();
        return client.send(request, BodyHandlers.ofString()).body();
    }

    /** What {@code kill -9} does. */
    @Override
    public void close() {
        process.destroyForcibly();
        process.onExit().join();
    }
}
