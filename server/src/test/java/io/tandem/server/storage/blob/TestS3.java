package io.tandem.server.storage.blob;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** An S3-compatible store in a process of its own, which a test stops, kills and starts again. Its objects are files. */
public final class TestS3 implements AutoCloseable {
    public static final String BUCKET = "bucket";
    private static final String KEY = "AKIDEXAMPLE";
    private static final String SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    private static final long START_NANOS = TimeUnit.SECONDS.toNanos(60);

    private final Path directory;
    private final int port;
    private @Nullable Process running;

    private TestS3(Path directory, int port) {
        this.directory = directory;
        this.port = port;
    }

    /** @param directory empty, for the objects */
    public static TestS3 start(Path directory) throws IOException {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Files.createDirectories(directory.resolve("objects").resolve(BUCKET));
        TestS3 store = new TestS3(directory, port);
        store.start();
        return store;
    }

    /** Starts it on what it left. */
    public void start() throws IOException {
        Path settings = Files.write(
                directory.resolve("s3proxy.conf"),
                List.of(
                        "s3proxy.endpoint=http://127.0.0.1:" + port,
                        "s3proxy.authorization=aws-v2-or-v4",
                        "s3proxy.identity=" + KEY,
                        "s3proxy.credential=" + SECRET,
                        "jclouds.provider=filesystem-nio2",
                        "jclouds.identity=any",
                        "jclouds.credential=any",
                        "jclouds.filesystem.basedir=" + directory.resolve("objects")));
        Path logging = Files.writeString(
                directory.resolve("logback.xml"),
                "<configuration><appender name='out' class='ch.qos.logback.core.ConsoleAppender'><encoder>"
                        + "<pattern>%d %-5level %logger - %msg%n</pattern></encoder></appender>"
                        + "<root level='WARN'><appender-ref ref='out'/></root></configuration>");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xmx256m",
                        "-Dlogback.configurationFile=" + logging,
                        "-cp",
                        libraries(),
                        "org.gaul.s3proxy.Main",
                        "--properties",
                        settings.toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("s3proxy.log").toFile())
                .start();
        running = process;
        long end = System.nanoTime() + START_NANOS;
        while (!answers()) {
            if (!process.isAlive() || System.nanoTime() - end > 0) {
                throw new IOException("S3Proxy does not start: " + Files.readString(directory.resolve("s3proxy.log")));
            }
            pause();
        }
    }

    /** The build says where they are; see the parent's pom.xml. */
    private static String libraries() throws IOException {
        Path module = Path.of("target/s3proxy.classpath");
        // Load tests run at the repository's root, or in a module of their own.
        for (Path file : List.of(
                module, Path.of("server").resolve(module), Path.of("../server").resolve(module))) {
            if (Files.exists(file)) {
                return Files.readString(file).strip();
            }
        }
        throw new IOException("there is no " + module + ": build the server with Maven");
    }

    private boolean answers() {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private static void pause() {
        try {
            Thread.sleep(50);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Ends it as a loss of power would. */
    public void kill() {
        if (running != null) {
            running.destroyForcibly().onExit().join();
            running = null;
        }
    }

    /** The address of a prefix. */
    public String address(String prefix) {
        return "s3://" + BUCKET + "/" + prefix + "?endpoint=http://127.0.0.1:" + port;
    }

    public int port() {
        return port;
    }

    /** The variables of this process, and those that its users need. */
    public static Map<String, String> environment() {
        Map<String, String> environment = new HashMap<>(System.getenv());
        environment.put("AWS_ACCESS_KEY_ID", KEY);
        environment.put("AWS_SECRET_ACCESS_KEY", SECRET);
        return environment;
    }

    /** The files of all objects below a prefix, for tests that look at them or damage them. */
    public List<Path> objects(String prefix) throws IOException {
        Path root = directory.resolve("objects").resolve(BUCKET).resolve(prefix);
        if (!Files.exists(root)) {
            return List.of();
        }
        try (Stream<Path> tree = Files.walk(root)) {
            return tree.filter(Files::isRegularFile).sorted().toList();
        }
    }

    /** What it said. */
    public String log() throws IOException {
        return Files.readString(directory.resolve("s3proxy.log"));
    }

    @Override
    public void close() {
        kill();
    }
}
