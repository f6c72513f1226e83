package io.tandem.server.storage.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.tandem.server.storage.NotStoredException;
import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.LoggerFactory;

/** Answers that a sound store does not give, or what stands before it does. */
class BucketTest {
    private static final String XML = "application/xml";
    private static final String EMPTY = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";

    /** What is said to whoever wants an object. */
    private record Answer(int status, String type, String body, int bytes) {
        Answer(int status, String type, String body) {
            this(status, type, body, body.length());
        }
    }

    @TempDir
    private Path directory;

    private HttpServer server;
    private S3Blobs blobs;
    private volatile Answer answer = new Answer(200, XML, EMPTY);

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.start();
        String address =
                "s3://bucket/x?endpoint=http://127.0.0.1:" + server.getAddress().getPort();
        blobs = S3Blobs.open(S3Address.of(address), TestS3.environment(), directory, 0);
    }

    @AfterEach
    void stop() {
        blobs.close();
        server.stop(0);
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            exchange.getRequestBody().readAllBytes();
            boolean listing = exchange.getRequestURI().getRawQuery() != null;
            Answer now = listing ? new Answer(200, XML, EMPTY) : answer;
            exchange.getResponseHeaders().set("Content-Type", now.type());
            exchange.sendResponseHeaders(now.status(), now.bytes());
            exchange.getResponseBody().write(now.body().getBytes(StandardCharsets.UTF_8));
        }
    }

    private static Answer error(int status, String code) {
        return new Answer(status, XML, "<Error><Code>" + code + "</Code><Message>no</Message></Error>");
    }

    private String read() throws IOException {
        return blobs.read("a/1", Files::readString);
    }

    @Test
    void onlyTheStoreSaysThatSomethingIsNotThere() {
        answer = error(404, "NoSuchKey");
        assertThatThrownBy(this::read).isInstanceOf(NoSuchFileException.class);
        answer = new Answer(404, "text/html", "<html><body>404 page not found</body></html>");
        assertThatThrownBy(this::read).isInstanceOf(UnreachableException.class);
        answer = new Answer(404, "text/plain", "404 page not found");
        assertThatThrownBy(this::read).isInstanceOf(UnreachableException.class);
    }

    @Test
    void aManifestThatBreaksOffIsNotDamaged() {
        answer = new Answer(200, "application/octet-stream", "{\"version\":1,", 400);
        assertThatThrownBy(this::read).isInstanceOf(UnreachableException.class);
        answer = new Answer(200, "application/octet-stream", "{\"version\":1,");
        assertThatThrownBy(this::read).isInstanceOf(DamagedBlobException.class);
    }

    @ParameterizedTest
    @CsvSource({
        "413, EntityTooLarge, true",
        "400, EntityTooLarge, true",
        "400, InvalidArgument, true",
        "400, ExpiredToken, false",
        "400, RequestTimeout, false",
        "403, AccessDenied, false"
    })
    void whatIsNeverTakenIsNotWaitedFor(int status, String code, boolean never) {
        answer = error(status, code);
        assertThatThrownBy(() -> blobs.put("a/1", file -> Files.writeString(file, "text")))
                .isInstanceOf(never ? NotStoredException.class : UnreachableException.class)
                .hasMessageContaining(never ? code : "does not take the server's requests");
    }

    @Test
    void theLogDoesNotGrowWithEachTryOfAStoreThatRefusesSome() throws IOException {
        Logger logger = (Logger) LoggerFactory.getLogger(Bucket.class);
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        logger.addAppender(log);
        try {
            answer = error(403, "AccessDenied");
            for (int i = 0; i < 10; i++) {
                assertThatThrownBy(this::read).isInstanceOf(UnreachableException.class);
                assertThat(blobs.list("a/")).isEmpty();
            }
        } finally {
            logger.detachAppender(log);
        }
        assertThat(log.list)
                .extracting(ILoggingEvent::getFormattedMessage)
                .satisfiesExactly(
                        refuses -> assertThat(refuses).startsWith("the object store refuses: "),
                        answers -> assertThat(answers).isEqualTo("the object store answers again"),
                        unsteady -> assertThat(unsteady).startsWith("the object store refuses again: "));
    }

    @Test
    void nothingIsMadeForAStoreThatIsAway() throws IOException {
        int port = server.getAddress().getPort();
        server.stop(0);
        assertThatThrownBy(this::read).isInstanceOf(UnreachableException.class);
        for (int i = 0; i < 3; i++) {
            assertThatThrownBy(() -> blobs.put("a/1", file -> {
                        throw new AssertionError("it is written");
                    }))
                    .isInstanceOf(UnreachableException.class);
            assertThatThrownBy(blobs::requireThere).isInstanceOf(UnreachableException.class);
            pause();
        }
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/", this::answer);
        server.start();
        pause();
        blobs.requireThere();
        blobs.put("a/1", file -> Files.writeString(file, "text"));
    }

    /** Longer than it takes until somebody tries again. */
    private static void pause() {
        try {
            Thread.sleep(1100);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
