package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.server.it.RawHttp.Answer;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every mistake of a client has an answer, once, that says what is wrong and nothing about the server's inside. */
@Timeout(120)
class RefusalIT {
    private static final String PURPOSE = "Content-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune";
    private static final String FORM = "Content-Type: multipart/form-data; boundary=X";
    private static final String COMPLETION = "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":1}";

    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws IOException {
        Files.createDirectories(directory.resolve("data/scratch/scratch-of-a-crash"));
        server = RunningServer.start(directory);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /** Uploads are deleted after their answer, on another thread. */
    @AfterEach
    void nothingIsLeftBehind() throws Exception {
        for (int i = 0; i < 6000 && !leftovers().isEmpty(); i++) {
            Thread.sleep(10);
        }
        assertThat(leftovers()).isEmpty();
    }

    private static List<Path> leftovers() throws IOException {
        try (Stream<Path> files = Files.list(directory.resolve("data/scratch"))) {
            // SQLite's library stays as long as the process lives.
            return files.filter(file -> !file.getFileName().toString().startsWith("sqlite-"))
                    .toList();
        }
    }

    private static JsonNode refused(Answer answer, int status) throws IOException {
        assertThat(answer.status()).as(answer.head() + answer.body()).isEqualTo(status);
        JsonNode error = new JsonMapper().readTree(answer.body()).path("error");
        assertThat(error.path("message").asText()).as(answer.body()).isNotEmpty();
        assertThat(error.path("type").asText()).isNotEmpty();
        assertThat(answer.body())
                .doesNotContain(directory.toString())
                .doesNotContain("Exception")
                .doesNotContain("io.")
                .doesNotContain("java");
        return error;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/v1/files?%", "/v1/files?after=%zz", "/v1/files/x?%4", "/v1/adapters?label=%", "/v1/models/%zz",
                "/v1/models/%", "/%", "/v1/fine_tuning/jobs?limit=%g0", "/v1/files/%e", "/nope?%%"
            })
    void badPercentEncodingIsNamed(String path) throws Exception {
        JsonNode error = refused(RawHttp.send(server.port(), "GET", path), 400);
        assertThat(error.path("message").asText()).contains("'%");
        refused(RawHttp.send(server.port(), "DELETE", path), 400);
    }

    @ParameterizedTest
    @ValueSource(strings = {"zz\r\n", "-1\r\n", "1\r\n{zz", "99999999999999999999\r\n", "0\r\nX: \0\r\n\r\n"})
    void bodiesThatBreakOffAreRefusedAndTheirConnectionsClosed(String body) throws Exception {
        for (String path : List.of("/v1/completions", "/v1/files", "/v1/adapters/x/pin")) {
            for (String type : List.of("Content-Type: application/json", FORM)) {
                String request = "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + type
                        + "\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
                // A body that a route does not take is refused before it is read.
                boolean taken = path.equals("/v1/files") == type.equals(FORM);
                refused(RawHttp.exchange(server.port(), request), taken ? 400 : 415);
            }
        }
    }

    @Test
    void aBrokenBodyBehindAnotherRequestIsRefusedInItsTurn() throws Exception {
        String head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n";
        String whole = head + "Content-Length: " + COMPLETION.length() + "\r\n\r\n" + COMPLETION;
        Answer first =
                RawHttp.exchange(server.port(), whole + whole + head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n");
        assertThat(first.status()).isEqualTo(200);
        assertThat(first.body().split("HTTP/1.1 "))
                .satisfiesExactly(
                        rest -> assertThat(rest).isNotEmpty(),
                        second -> assertThat(second).startsWith("200 "),
                        third -> assertThat(third).startsWith("400 ").contains("broken_body"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v1/models/%ff", "/v1/models/%00", "/v1/files/%2e%2e%2f%2e%2e", "/v1/files/%F0%9F%98%80"})
    void oddNamesAreNotThere(String path) throws Exception {
        refused(RawHttp.send(server.port(), "GET", path), 404);
    }

    @ParameterizedTest
    @CsvSource({
        "GET, /v1/chat/completions, POST",
        "PUT, /v1/models, 'GET, HEAD'",
        "POST, /v1/models/tiny, 'DELETE, GET, HEAD'",
        "PATCH, /v1/files/x, 'DELETE, GET, HEAD'",
        "PUT, /v1/fine_tuning/jobs/dry_run, 'DELETE, GET, HEAD, POST'",
        "DELETE, /v1/adapters, 'GET, HEAD, POST'",
        "TRACE, /health, 'GET, HEAD'",
        "POST, /, 'GET, HEAD'",
        "FOO, /metrics, 'GET, HEAD'"
    })
    void otherMethodsAreToldWhichToUse(String method, String path, String allowed) throws Exception {
        Answer answer = RawHttp.send(server.port(), method, path);
        JsonNode error = refused(answer, 405);
        assertThat(answer.header("Allow")).contains("OPTIONS, " + allowed);
        assertThat(error.path("message").asText())
                .isEqualTo("Method " + method + " is not allowed here; use " + allowed.replace(", ", " or ") + ".");
        Answer options = RawHttp.send(server.port(), "OPTIONS", path);
        assertThat(options.status()).isEqualTo(204);
        assertThat(options.header("Allow")).contains("OPTIONS, " + allowed);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"/", "/health", "/ready", "/metrics", "/v1/models", "/v1/models/tiny", "/v1/files", "/nope"})
    void headIsGetWithoutItsBody(String path) throws Exception {
        Answer get = RawHttp.send(server.port(), "GET", path);
        Answer head = RawHttp.send(server.port(), "HEAD", path);
        assertThat(head.status()).isEqualTo(get.status());
        assertThat(head.body()).isEmpty();
        assertThat(head.header("Content-Type")).isEqualTo(get.header("Content-Type"));
    }

    @Test
    void headOfAFileIsItsSize() throws Exception {
        String file = server.upload("a.jsonl", "{\"text\":\"abc\"}");
        String path = "/v1/files/" + file + "/content";
        Answer head = RawHttp.send(server.port(), "HEAD", path);
        assertThat(head.status()).isEqualTo(200);
        assertThat(head.header("Content-Length")).contains("14");
        assertThat(head.body()).isEmpty();
        assertThat(RawHttp.send(server.port(), "GET", path).body()).isEqualTo("{\"text\":\"abc\"}");
    }

    @Test
    void whatIsNotHttpIsToldSo() throws Exception {
        String start = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        refused(RawHttp.exchange(server.port(), start + "X: \u0001\r\n\r\n"), 400);
        refused(RawHttp.exchange(server.port(), "GARBAGE\r\n\r\n"), 400);
        refused(RawHttp.exchange(server.port(), start + "Content-Length: -1\r\n\r\n"), 400);
        refused(RawHttp.exchange(server.port(), start + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400);
        refused(RawHttp.exchange(server.port(), start + "X: " + "h".repeat(20_000) + "\r\n\r\n"), 431);
        refused(RawHttp.send(server.port(), "GET", "/" + "a".repeat(5000)), 414);
        refused(RawHttp.exchange(server.port(), "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"), 505);
        refused(RawHttp.exchange(server.port(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
    }

    @Test
    void expectationsOtherThanContinueAreRefused() throws Exception {
        refused(RawHttp.post(server.port(), "/v1/completions", COMPLETION, "Expect: wonders"), 417);
        refused(RawHttp.send(server.port(), "GET", "/v1/models", "Expect: wonders"), 417);
        String body = "--X\r\n" + PURPOSE + "\r\n--X--\r\n";
        String request = "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-Continue\r\n"
                + FORM + "\r\nContent-Length: " + body.length() + "\r\n\r\n";
        try (Socket socket = new Socket("127.0.0.1", server.port())) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            assertThat(new String(socket.getInputStream().readNBytes(25), StandardCharsets.US_ASCII))
                    .isEqualTo("HTTP/1.1 100 Continue\r\n\r\n");
            socket.getOutputStream().write(body.getBytes(StandardCharsets.US_ASCII));
            refused(RawHttp.read(socket.getInputStream()), 400);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    /v1/completions | multipart/form-data; boundary=X
                    /v1/completions | multipart/form-data; boundary=
                    /v1/fine_tuning/jobs | multipart/form-data
                    /v1/adapters/a/pin | Multipart/Mixed
                    /v1/files | application/json
                    /v1/files | text/plain
                    /v1/files | ''
                    """)
    void bodiesOfAnotherTypeAreRefused(String path, String type) throws Exception {
        String message = refused(RawHttp.post(server.port(), path, COMPLETION, "Content-Type: " + type), 415)
                .path("message")
                .asText();
        assertThat(message).contains(path.equals("/v1/files") ? "multipart/form-data" : "application/json");
    }

    @Test
    void longBodiesNeedNotSayThatTheyAreJson() throws Exception {
        String json = COMPLETION.replace(
                "}",
                ",\"user\":\"" + "u".repeat(60) + "\",\"stop\":[\"" + "&=%;".repeat(15) + "\"]}" + " ".repeat(20_000));
        assertThat(RawHttp.post(
                                server.port(),
                                "/v1/completions",
                                json,
                                "Content-Type: application/x-www-form-urlencoded")
                        .status())
                .isEqualTo(200);
    }

    @Test
    void compressedBodiesAreRefused() throws Exception {
        refused(RawHttp.post(server.port(), "/v1/completions", COMPLETION, "Content-Encoding: gzip"), 415);
    }

    @Test
    void brokenJsonSaysWhereAndNothingElse() throws Exception {
        for (String body : List.of(
                "{",
                "{\"a\":}",
                "[1,",
                "{\"a\":1,\"a\":2}",
                "\u0001",
                "{\"a\":1}x",
                "nul",
                "[".repeat(5000),
                "{\"" + "n".repeat(5000) + "\":1}",
                "{\"a\":" + "1".repeat(5000) + "}",
                "\"\\x\"")) {
            JsonNode error = refused(RawHttp.post(server.port(), "/v1/completions", body), 400);
            assertThat(error.path("message").asText())
                    .as(body.substring(0, Math.min(20, body.length())))
                    .doesNotContain("CTRL-CHAR")
                    .doesNotContain("Stream")
                    .doesNotContain("token")
                    .doesNotContain("code ");
        }
    }

    private static String file(String headers) {
        return "Content-Disposition: form-data; " + headers + "\r\n\r\nx";
    }

    /** Parts that are wrong, by what is wrong. */
    private static Map<String, String> oddParts() {
        Map<String, String> parts = new LinkedHashMap<>();
        String plain = "name=\"file\"; filename=\"a\"";
        parts.put("twice form-data", file("form-data; " + plain));
        parts.put("no name", file("filename=\"a\""));
        parts.put("no disposition", "Content-Type: text/plain\r\n\r\nx");
        parts.put("empty disposition", "Content-Disposition: \r\n\r\nx");
        parts.put("attachment", "Content-Disposition: attachment; " + plain + "\r\n\r\nx");
        parts.put("empty name", file("name=\"\"; filename=\"a\""));
        parts.put("filename without a value", file("name=\"file\"; filename"));
        parts.put("unknown charset of the name", file("name=\"file\"; filename*=nonsense''%zz"));
        parts.put("long file name", file("name=\"file\"; filename=\"" + "x".repeat(9000) + "\""));
        parts.put("unknown charset", file(plain + "\r\nContent-Type: x; charset=nonsense"));
        parts.put("empty charset", file(plain + "\r\nContent-Type: text/plain; charset="));
        parts.put("unknown encoding", file(plain + "\r\nContent-Transfer-Encoding: nonsense"));
        parts.put("nested", file(plain + "\r\nContent-Type: multipart/mixed; boundary=Y"));
        parts.put("nested without boundary", file(plain + "\r\nContent-Type: multipart/mixed"));
        parts.put("long field", file("name=\"purpose\"") + "y".repeat(20_000));
        parts.put("long header", file(plain + "\r\nX: " + "h".repeat(20_000)) + "\r\n--X\r\n" + file("name=\"b\""));
        return parts;
    }

    @Test
    void oddPartsAreAnswered() throws Exception {
        for (Map.Entry<String, String> odd : oddParts().entrySet()) {
            String body = "--X\r\n" + PURPOSE + "\r\n--X\r\n" + odd.getValue() + "\r\n--X--\r\n";
            for (String path : List.of("/v1/files", "/v1/adapters")) {
                Answer answer = RawHttp.post(server.port(), path, body, FORM);
                assertThat(answer.status()).as(odd.getKey()).isIn(200, 400);
                if (answer.status() == 400) {
                    refused(answer, 400);
                }
            }
        }
    }

    @Test
    void formsWithoutTheirEndAreNotTaken() throws Exception {
        String whole = "--X\r\n" + PURPOSE + "\r\n--X\r\n" + file("name=\"file\"; filename=\"a\"") + "\r\n--X--\r\n";
        assertThat(RawHttp.post(server.port(), "/v1/files", whole, FORM).status())
                .isEqualTo(200);
        for (int end = 1; end < whole.length() - 4; end++) {
            refused(RawHttp.post(server.port(), "/v1/files", whole.substring(0, end), FORM), 400);
        }
        for (String type :
                List.of("multipart/form-data", FORM.substring(14).replace("=X", "="), "multipart/form-data; x")) {
            refused(RawHttp.post(server.port(), "/v1/files", whole, "Content-Type: " + type), 400);
        }
    }

    /** What curl sends with {@code -F file=NAME}, where the at sign is forgotten. */
    @Test
    void aNameInPlaceOfAFileIsToldFromOne() throws Exception {
        String body = "--X\r\n" + PURPOSE + "\r\n--X\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n"
                + "train.jsonl\r\n--X--\r\n";
        JsonNode error = refused(RawHttp.post(server.port(), "/v1/files", body, FORM), 400);
        assertThat(error.path("param").asText()).isEqualTo("file");
        assertThat(error.path("message").asText()).contains("-F file=@NAME");
    }

    @Test
    void partsAreCounted() throws Exception {
        String parts = String.join(
                "",
                IntStream.range(0, 500)
                        .mapToObj(i -> "--X\r\n" + file("name=\"file\"; filename=\"" + i + "\"") + "\r\n")
                        .toList());
        JsonNode error = refused(RawHttp.post(server.port(), "/v1/files", parts + "--X--\r\n", FORM), 400);
        assertThat(error.path("message").asText()).contains("32 parts");
    }

    @Test
    void uploadsThatAreCutLeaveNothing() throws Exception {
        String head =
                "POST /v1/files HTTP/1.1\r\nHost: localhost\r\n" + FORM + "\r\nContent-Length: 500000\r\n\r\n--X\r\n";
        for (int i = 0; i < 50; i++) {
            try (Socket socket = new Socket("127.0.0.1", server.port())) {
                socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
                socket.getOutputStream().write(new byte[1000 * i]);
            }
        }
    }

    @Test
    void uploadsAreLimited() throws Exception {
        String body = "--X\r\n" + file("name=\"file\"; filename=\"a\"") + "x".repeat(2 << 20) + "\r\n--X--\r\n";
        JsonNode error = refused(RawHttp.post(server.port(), "/v1/files", body, FORM), 413);
        assertThat(error.path("message").asText()).contains("http.max-upload-bytes");
        String chunked = "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + FORM
                + "\r\nTransfer-Encoding: chunked\r\n\r\n" + Integer.toHexString(body.length()) + "\r\n" + body
                + "\r\n0\r\n\r\n";
        refused(RawHttp.exchange(server.port(), chunked), 413);
    }
}
