package io.tandem.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.tandem.server.api.TenantId;
import io.tandem.server.config.HttpLimits;
import io.tandem.server.tenant.Caller;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** Connections with limits of a second, and a server that can be slower than that. */
@Timeout(60)
class ConnectionsTest {
    private static final HttpLimits LIMITS = new HttpLimits(4, 1, 1, 1);
    private static final int QUIET_MILLIS = 2500;
    /** Less than a body has to bring. */
    private static final int HELD_BYTES_PER_SECOND = 30_000;

    private static final int TIMEOUT_MILLIS = 30_000;

    private final Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1));
    private final CountDownLatch cutOff = new CountDownLatch(1);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger(StuckWrites.class);
    private final CountDownLatch begun = new CountDownLatch(1);
    private final UploadPace held = new UploadPace(HELD_BYTES_PER_SECOND);

    @TempDir
    private Path uploads;

    private int port;
    private Connections connections;

    @BeforeEach
    void listen() {
        listen(LIMITS);
    }

    private void listen(HttpLimits limits) {
        BodyDeadline deadline = new BodyDeadline(limits);
        Router router = Router.router(vertx);
        router.get("/").handler(context -> context.end("here"));
        router.get("/quiet").handler(context -> {
            begun.countDown();
            vertx.setTimer(QUIET_MILLIS, timer -> context.end("at last"));
        });
        router.get("/stream").handler(this::stream);
        router.post("/").handler(context -> {
            deadline.watch(context);
            context.request().body().onSuccess(body -> context.end("read " + body.length()));
        });
        router.post().handler(context -> {
            context.put(KeyHandler.CALLER, Caller.ANONYMOUS);
            context.next();
        });
        router.post("/upload")
                .handler(new UploadHandler(
                        uploads,
                        1 << 20,
                        deadline,
                        new UploadPace(0),
                        (context, upload) -> context.fail(new AssertionError("This upload has no end."))));
        router.post("/held")
                .handler(new UploadHandler(
                        uploads,
                        1 << 20,
                        deadline,
                        held,
                        (context, upload) -> context.end("stored " + upload.bytes())));
        router.route().failureHandler(context -> ErrorMapper.handle(context, 500));
        connections = new Connections(vertx, limits, 1, new AccessLog(false));
        HttpServer server = vertx.createHttpServer(HttpVerticle.options())
                .connectionHandler(connections::opened)
                .requestHandler(connections.around(router))
                .listen(0, "127.0.0.1")
                .toCompletionStage()
                .toCompletableFuture()
                .join();
        port = server.actualPort();
    }

    @BeforeEach
    void listenToTheLog() {
        log.start();
        logger.addAppender(log);
    }

    @AfterEach
    void stop() {
        logger.detachAppender(log);
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }

    /** More than sockets hold, as fast as it is taken. */
    private void stream(RoutingContext context) {
        HttpServerResponse response = context.response().setChunked(true);
        response.closeHandler(closed -> cutOff.countDown());
        response.write(Buffer.buffer(new byte[64 << 20]));
    }

    private Socket connect(String text) throws IOException {
        Socket socket = new Socket("127.0.0.1", port);
        socket.setSoTimeout(TIMEOUT_MILLIS);
        socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    private static String readAll(Socket socket) throws IOException {
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }

    @Test
    void connectionsWithoutARequestAreClosed() throws Exception {
        try (Socket silent = connect("");
                Socket half = connect("GET / HTTP/1.1\r\nHost: localhost\r\nX: ");
                Socket done = connect("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")) {
            assertThat(readAll(silent)).isEmpty();
            assertThat(readAll(half)).isEmpty();
            assertThat(readAll(done)).endsWith("here");
        }
    }

    @Test
    void anAnswerMayTakeItsTime() throws Exception {
        try (Socket socket = connect("GET /quiet HTTP/1.1\r\nHost: localhost\r\n\r\n")) {
            assertThat(readAll(socket)).endsWith("at last");
        }
    }

    @Test
    void aBodyMayNot() throws Exception {
        String head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n";
        try (Socket socket = connect(head + "{")) {
            assertThat(readAll(socket)).startsWith("HTTP/1.1 408 ").contains("http.body-timeout");
        }
        try (Socket socket = connect(head.replace("100000", "5") + "12345")) {
            assertThat(readAll(socket)).endsWith("read 5");
        }
    }

    @Test
    void aSlowUploadLeavesNothing() throws Exception {
        String head = "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=X\r\n"
                + "Content-Length: 100000\r\n\r\n--X";
        try (Socket socket = connect(head)) {
            assertThat(readAll(socket)).startsWith("HTTP/1.1 408 ");
        }
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(TIMEOUT_MILLIS);
        while (!isEmpty(uploads) && System.nanoTime() < deadline) {
            Thread.sleep(10);
        }
        assertThat(uploads).isEmptyDirectory();
    }

    @Test
    void anUploadThatTheServerHoldsIsNotBlamed() throws Exception {
        held.asks(new TenantId("proj_" + "0".repeat(24)));
        String head = "POST /held HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=X\r\n"
                + "Content-Length: 100000\r\n\r\n";
        try (Socket socket = connect(head + "x".repeat(100_000))) {
            assertThat(readAll(socket)).startsWith("HTTP/1.1 200 ").endsWith("stored 100000");
        }
        try (Socket socket = connect(head + "x".repeat(50_000))) {
            assertThat(readAll(socket)).as("its client is too slow").startsWith("HTTP/1.1 408 ");
        }
    }

    /** Whoever listens to the end of an answer must not take the connections' place. */
    @Test
    void anUploadIsARequestLikeOthers() throws Exception {
        String body = "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\na\r\n--X--\r\n";
        String head = "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=X\r\n"
                + "Content-Length: " + body.length() + "\r\n\r\n";
        try (Socket socket = connect(head + body)) {
            assertThat(readAll(socket)).startsWith("HTTP/1.1 500 ");
            assertThat(connections.busy()).isZero();
        }
    }

    private static boolean isEmpty(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.findAny().isEmpty();
        }
    }

    @Test
    void aClientThatDoesNotReadIsCutOff() throws Exception {
        try (Socket socket = connect("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")) {
            assertThat(cutOff.await(TIMEOUT_MILLIS, TimeUnit.MILLISECONDS)).isTrue();
            assertThat(socket.isInputShutdown()).isFalse();
            assertThat(log.list)
                    .extracting(ILoggingEvent::getFormattedMessage)
                    .anyMatch(line -> line.contains("http.write-timeout")
                            && line.contains(socket.getLocalAddress().getHostAddress() + ":" + socket.getLocalPort()));
        }
    }

    @Test
    void aClientThatReadsSlowlyIsNot() throws Exception {
        // Its pauses are far shorter than it may take, and together longer.
        listen(new HttpLimits(4, 1, 1, 3));
        try (Socket socket = connect("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")) {
            InputStream in = socket.getInputStream();
            for (int i = 0; i < 10; i++) {
                assertThat(in.readNBytes(6 << 20)).hasSize(6 << 20);
                Thread.sleep(400);
            }
        }
    }

    @Test
    void theLongestWaitingMakesRoom() throws Exception {
        List<Socket> waiting = new ArrayList<>();
        try (Socket busy = connect("GET /quiet HTTP/1.1\r\nHost: localhost\r\n\r\n")) {
            begun.await();
            for (int i = 0; i < 20; i++) {
                waiting.add(connect(""));
            }
            // Sooner than their own time was up.
            for (Socket first : waiting.subList(0, 16)) {
                assertThat(readAll(first)).isEmpty();
            }
            try (Socket last = connect("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")) {
                assertThat(readAll(last)).endsWith("here");
            }
            assertThat(readAll(busy)).endsWith("at last");
        } finally {
            for (Socket socket : waiting) {
                socket.close();
            }
        }
    }
}
