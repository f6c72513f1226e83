package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.server.client.JobsCommand;
import io.tandem.server.config.ApiKey;
import io.tandem.server.config.HttpAccess;
import io.tandem.server.config.WebOrigin;
import io.tandem.server.it.RawHttp.Answer;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** Who may use a server, and that a page on the web may not. */
@Timeout(120)
class AccessIT {
    private static final String FRIEND = "https://chat.example";
    private static final String KEY = "sk-0123456789abcdef";
    private static final String COMPLETION = "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":1}";
    private static final String JSON = "Content-Type: application/json";

    @TempDir
    private static Path directory;

    /** Known as one more name, open to one more origin. */
    private static RunningServer open;

    /** The same with a key. */
    private static RunningServer locked;

    @BeforeAll
    static void start() throws IOException {
        Set<WebOrigin> friends = Set.of(WebOrigin.parse(FRIEND).orElseThrow());
        Set<String> hosts = Set.of("tandem.example");
        open = RunningServer.start(directory.resolve("open"), new HttpAccess(hosts, friends, Optional.empty(), false));
        locked = RunningServer.start(
                directory.resolve("locked"), new HttpAccess(hosts, friends, Optional.of(ApiKey.of("key", KEY)), false));
    }

    @AfterAll
    static void stop() {
        open.close();
        locked.close();
    }

    /** A header's text with the server's port in it. */
    private static String withPort(String text) {
        return text.replace("PORT", Integer.toString(open.port()));
    }

    private static JsonNode error(Answer answer) throws IOException {
        JsonNode error = new JsonMapper().readTree(answer.body()).path("error");
        assertThat(error.path("message").asText()).as(answer.body()).isNotEmpty();
        return error;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "localhost",
                "LOCALHOST:PORT",
                "localhost:1",
                "localhost:",
                "localhost.",
                "127.0.0.1:PORT",
                "[::1]",
                "[::1]:PORT",
                "tandem.example",
                "Tandem.Example:443",
                "tandem.example."
            })
    void namesOfTheServerAreAnswered(String host) throws Exception {
        assertThat(RawHttp.send(open.port(), "GET", "/v1/models", "Host: " + withPort(host))
                        .status())
                .isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "evil.example",
                "evil.example:PORT",
                "169.254.1.1",
                "127.1",
                "2130706433",
                "0x7f000001",
                "0.0.0.0",
                "[::ffff:127.0.0.1]",
                "[::]",
                "localhost.evil.example",
                "localhost..",
                "a.tandem.example",
                "localhos"
            })
    void otherNamesAreNot(String host) throws Exception {
        String[] own = {"Host: " + withPort(host), "Origin: http://" + withPort(host), "Sec-Fetch-Site: same-origin"};
        for (String method : new String[] {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}) {
            assertThat(RawHttp.send(open.port(), method, "/v1/files/file-1", own)
                            .status())
                    .as(method)
                    .isEqualTo(421);
        }
        JsonNode error = error(RawHttp.send(open.port(), "GET", "/v1/files", own));
        assertThat(error.path("message").asText()).contains("http.hosts");
        assertThat(error.path("code").asText()).isEqualTo("unknown_host");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "user@localhost",
                "localhost:80:80",
                "localhost:99999",
                "localhost:-1",
                "[::1",
                "::1",
                "[::1%25lo]",
                "localhost/",
                "http://localhost",
                "local host",
                "lo\u00e7alhost",
                "localhost,evil.example",
                "127.0.0.1@evil.example"
            })
    void whatIsNoHostIsRefused(String host) throws Exception {
        Answer answer = RawHttp.send(open.port(), "GET", "/v1/models", "Host: " + host);
        assertThat(answer.status()).isEqualTo(400);
        error(answer);
    }

    @Test
    void oneHostIsNeeded() throws Exception {
        String rest = " HTTP/1.1\r\nConnection: close\r\n";
        for (String request : new String[] {
            "GET /v1/models" + rest + "\r\n",
            "GET /health" + rest + "\r\n",
            "GET /v1/models" + rest + "Host: localhost\r\nHost: localhost\r\n\r\n",
            "GET /v1/models" + rest + "Host: localhost\r\nHost: evil.example\r\n\r\n",
            "GET /v1/models HTTP/1.0\r\n\r\n"
        }) {
            Answer answer = RawHttp.exchange(open.port(), request);
            assertThat(answer.status()).as(request).isEqualTo(400);
            assertThat(error(answer).path("message").asText()).contains("Host");
        }
    }

    @Test
    void aTargetWithAHostHasToNameTheServerToo() throws Exception {
        assertThat(RawHttp.send(open.port(), "GET", "http://evil.example/v1/models")
                        .status())
                .isEqualTo(421);
        assertThat(RawHttp.send(open.port(), "GET", "http://localhost/v1/models")
                        .status())
                .isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "http://evil.example",
                "HTTP://EVIL.EXAMPLE",
                "null",
                "NULL",
                "",
                "*",
                "http://localhost.evil.example",
                "http://127.0.0.1@evil.example",
                "http://evil.example#localhost",
                "http://localhost:1",
                "http://localhost",
                "http://127.0.0.1:PORT",
                "http://localhost:PORT/",
                "ftp://localhost:PORT",
                "localhost:PORT",
                "file://",
                "https://chat.example.evil.example",
                "http://chat.example",
                "https://chat.example:8443",
                "https://chat.example/",
                "https://evil.example https://chat.example",
                "chrome-extension://abc"
            })
    void pagesOfOtherOriginsAreRefused(String origin) throws Exception {
        String[] page = {"Host: " + withPort("localhost:PORT"), "Origin: " + withPort(origin)};
        for (String method : new String[] {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}) {
            for (String path : new String[] {"/v1/models", "/health", "/", "/nope"}) {
                assertThat(RawHttp.send(open.port(), method, path, page).status())
                        .as(method + " " + path)
                        .isEqualTo(403);
            }
        }
        for (String type :
                new String[] {JSON, "Content-Type: text/plain", "X: y", "Content-Type: multipart/form-data; boundary=x"
                }) {
            Answer answer = RawHttp.post(open.port(), "/v1/completions", COMPLETION, page[0], page[1], type);
            assertThat(answer.status()).as(type).isEqualTo(403);
            assertThat(error(answer).path("message").asText()).contains("http.cors-origins");
            assertThat(answer.headers("Access-Control-Allow-Origin")).isEmpty();
        }
    }

    @Test
    void severalOriginsAreNone() throws Exception {
        String[] headers = new String[20];
        Arrays.fill(headers, "Origin: " + FRIEND);
        assertThat(RawHttp.send(open.port(), "GET", "/v1/models", headers).status())
                .isEqualTo(403);
        headers = new String[1000];
        Arrays.fill(headers, "Origin: " + FRIEND);
        assertThat(RawHttp.send(open.port(), "GET", "/v1/models", headers).status())
                .isEqualTo(431);
    }

    @ParameterizedTest
    @CsvSource({
        "cross-site, 403",
        "same-site, 403",
        "CROSS-SITE, 403",
        "whatever, 403",
        "'', 403",
        "same-origin, 200",
        "none, 200"
    })
    void browsersSayWhereARequestComesFrom(String site, int status) throws Exception {
        assertThat(RawHttp.send(open.port(), "GET", "/v1/models", "Sec-Fetch-Site: " + site)
                        .status())
                .isEqualTo(status);
        assertThat(RawHttp.send(open.port(), "GET", "/v1/models", "Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site")
                        .status())
                .isEqualTo(403);
    }

    /** What browsers send for a link, and what other pages could make them send instead. */
    @ParameterizedTest
    @CsvSource({
        "GET, /console, navigate, document, 302",
        "GET, /console/, navigate, document, 200",
        "GET, /console/?a=b, navigate, document, 200",
        "GET, /docs, navigate, document, 302",
        "GET, /docs/, navigate, document, 200",
        "GET, /console/, navigate, iframe, 403",
        "GET, /console/, navigate, frame, 403",
        "GET, /console/, navigate, embed, 403",
        "GET, /console/, no-cors, document, 403",
        "GET, /console/, cors, empty, 403",
        "GET, /console/, websocket, document, 403",
        "GET, /console/main.js, no-cors, script, 403",
        "GET, /console/main.js, navigate, document, 403",
        "GET, /%63onsole/, navigate, document, 403",
        "GET, /console/../v1/models, navigate, document, 403",
        "GET, //console/, navigate, document, 403",
        "POST, /console/, navigate, document, 403",
        "HEAD, /console/, navigate, document, 403",
        "GET, /, navigate, document, 403",
        "GET, /v1/models, navigate, document, 403",
        "GET, /openapi.json, navigate, document, 403",
        "GET, /metrics, navigate, document, 403",
        "GET, /v1/files/x/content, navigate, document, 403"
    })
    void linksOfOtherSitesOpenPagesOnly(String method, String path, String mode, String destination, int status)
            throws Exception {
        for (String site : new String[] {"cross-site", "same-site"}) {
            String[] headers = {"Sec-Fetch-Site: " + site, "Sec-Fetch-Mode: " + mode, "Sec-Fetch-Dest: " + destination};
            Answer answer = RawHttp.send(open.port(), method, path, headers);
            assertThat(answer.status()).as(answer.body()).isEqualTo(status);
            if (status == 200) {
                assertThat(answer.header("Content-Security-Policy").orElse("")).contains("frame-ancestors 'none'");
                assertThat(answer.header("Cross-Origin-Opener-Policy")).contains("same-origin");
            }
            String[] foreign = Arrays.copyOf(headers, 4);
            foreign[3] = "Origin: https://evil.example";
            assertThat(RawHttp.send(open.port(), method, path, foreign).status())
                    .isEqualTo(403);
            foreign[3] = "Sec-Fetch-Dest: document";
            assertThat(RawHttp.send(open.port(), method, path, foreign).status())
                    .isEqualTo(403);
            foreign[3] = "Host: rebound.example";
            assertThat(RawHttp.send(open.port(), method, path, foreign).status())
                    .isEqualTo(421);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "localhost:PORT, http://localhost:PORT, same-origin",
        "LocalHost:PORT, http://LOCALHOST:PORT, same-origin",
        "127.0.0.1:PORT, http://127.0.0.1:PORT, same-origin",
        "[::1]:PORT, http://[::1]:PORT, same-origin",
        "tandem.example, https://tandem.example, same-origin",
        "tandem.example, http://tandem.example:80, same-origin",
        "tandem.example:443, https://tandem.example, same-site"
    })
    void pagesOfTheServerItselfPass(String host, String origin, String site) throws Exception {
        Answer answer = RawHttp.post(
                open.port(),
                "/v1/completions",
                COMPLETION,
                "Host: " + withPort(host),
                "Origin: " + withPort(origin),
                "Sec-Fetch-Site: " + site,
                JSON);
        assertThat(answer.status()).isEqualTo(200);
    }

    @Test
    void configuredOriginsAreAnsweredAsCorsAsks() throws Exception {
        for (String origin : new String[] {FRIEND, "HTTPS://Chat.Example", FRIEND + ":443"}) {
            Answer answer = RawHttp.post(
                    open.port(),
                    "/v1/completions",
                    COMPLETION,
                    JSON,
                    "Origin: " + origin,
                    "Sec-Fetch-Site: cross-site");
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.header("Access-Control-Allow-Origin")).contains(origin);
            assertThat(answer.header("Access-Control-Expose-Headers").orElse(""))
                    .contains("X-Adapter-Version")
                    .contains("Retry-After");
            assertThat(answer.header("Vary").orElse("")).containsIgnoringCase("origin");
        }
        // Caches must not give an answer without these headers to a page.
        assertThat(RawHttp.send(open.port(), "GET", "/v1/models").header("Vary").orElse(""))
                .containsIgnoringCase("origin");
        Answer wrong = RawHttp.send(open.port(), "GET", "/nope", "Origin: " + FRIEND);
        assertThat(wrong.status()).isEqualTo(404);
        assertThat(wrong.header("Access-Control-Allow-Origin")).contains(FRIEND);
    }

    @Test
    void preflightsNeedNoKey() throws Exception {
        for (RunningServer server : new RunningServer[] {open, locked}) {
            Answer answer = RawHttp.send(
                    server.port(),
                    "OPTIONS",
                    "/v1/adapters/a",
                    "Origin: " + FRIEND,
                    "Access-Control-Request-Method: DELETE",
                    "Access-Control-Request-Headers: authorization,content-type,x-stainless-os",
                    "Access-Control-Request-Private-Network: true");
            assertThat(answer.status()).isEqualTo(204);
            assertThat(answer.header("Access-Control-Allow-Origin")).contains(FRIEND);
            assertThat(answer.header("Access-Control-Allow-Methods").orElse("")).contains("DELETE");
            assertThat(answer.header("Access-Control-Allow-Headers").orElse(""))
                    .contains("authorization", "content-type", "x-stainless-os");
            assertThat(answer.header("Access-Control-Allow-Private-Network")).contains("true");
            assertThat(String.join(",", answer.headers("Vary"))).containsIgnoringCase("origin");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"text/plain", "application/x-www-form-urlencoded", "text/json", "application/jsonx", ""})
    void pagesHaveToSayThatTheySendJson(String type) throws Exception {
        String header = type.isEmpty() ? "X: y" : "Content-Type: " + type;
        Answer answer = RawHttp.post(open.port(), "/v1/completions", COMPLETION, header, "Origin: " + FRIEND);
        assertThat(answer.status()).isEqualTo(415);
        assertThat(error(answer).path("message").asText()).contains("application/json");
        // Programs need not.
        assertThat(RawHttp.post(open.port(), "/v1/completions", COMPLETION, header)
                        .status())
                .isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = {"application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"})
    void jsonHasSeveralNames(String type) throws Exception {
        assertThat(RawHttp.post(
                                open.port(),
                                "/v1/completions",
                                COMPLETION,
                                "Content-Type: " + type,
                                "Origin: " + FRIEND)
                        .status())
                .isEqualTo(200);
    }

    @Test
    void upgradesToWebSocketsAreHeldToTheSameRules() throws Exception {
        String[] upgrade = {
            "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        };
        assertThat(RawHttp.send(open.port(), "GET", "/v1/models", upgrade[0], upgrade[1], upgrade[2], "Origin: null")
                        .status())
                .isEqualTo(403);
        assertThat(RawHttp.send(open.port(), "GET", "/v1/models", upgrade[0], upgrade[1], upgrade[2], "Host: evil")
                        .status())
                .isEqualTo(421);
        assertThat(RawHttp.send(locked.port(), "GET", "/v1/models", upgrade).status())
                .isEqualTo(401);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "Bearer",
                "Bearer ",
                "Bearer wrong",
                "Basic " + KEY,
                KEY,
                "Bearer " + KEY + "x",
                "Bearer sk-0123456789abcde",
                "Bearer SK-0123456789ABCDEF",
                "Bearer " + KEY + " " + KEY,
                "Bearer\u00e9"
            })
    void withoutTheKeyThereIsNothing(String authorization) throws Exception {
        for (String path : new String[] {"/v1/models", "/metrics", "/", "/nope", "/v1/files"}) {
            Answer answer = RawHttp.send(locked.port(), "GET", path, "Authorization: " + authorization);
            assertThat(answer.status()).as(path).isEqualTo(401);
            assertThat(answer.header("WWW-Authenticate")).contains("Bearer");
            assertThat(error(answer).path("code").asText()).isEqualTo("invalid_api_key");
            assertThat(answer.body()).doesNotContain(KEY);
        }
    }

    /** A wrong key and a right one that is sent in a wrong way are different mistakes. */
    @ParameterizedTest
    @ValueSource(strings = {KEY, "Basic " + KEY, "Bearer"})
    void aKeyWithoutItsSchemeIsToldHowToBeSent(String authorization) throws Exception {
        Answer answer = RawHttp.send(locked.port(), "GET", "/v1/models", "Authorization: " + authorization);
        assertThat(error(answer).path("message").asText()).contains("'Authorization: Bearer KEY'");
    }

    @Test
    void noKeyTwoKeysAndAHugeKeyAreRefused() throws Exception {
        assertThat(RawHttp.send(locked.port(), "GET", "/v1/models").status()).isEqualTo(401);
        String right = "Authorization: Bearer " + KEY;
        assertThat(RawHttp.send(locked.port(), "GET", "/v1/models", right, "Authorization: Bearer x")
                        .status())
                .isEqualTo(401);
        assertThat(RawHttp.send(locked.port(), "GET", "/v1/models", "Authorization: Bearer " + "k".repeat(15_000))
                        .status())
                .isEqualTo(401);
        assertThat(RawHttp.send(locked.port(), "GET", "/v1/models", "Authorization: Bearer " + "k".repeat(16 << 10))
                        .status())
                .isEqualTo(431);
    }

    @Test
    void withTheKeyAllIsAnswered() throws Exception {
        for (String scheme : new String[] {"Bearer ", "bearer ", "BEARER  "}) {
            for (String path : new String[] {"/v1/models", "/metrics", "/"}) {
                assertThat(RawHttp.send(locked.port(), "GET", path, "Authorization: " + scheme + KEY)
                                .status())
                        .isEqualTo(200);
            }
        }
        assertThat(RawHttp.send(locked.port(), "GET", "/health").status()).isEqualTo(200);
        assertThat(RawHttp.send(locked.port(), "GET", "/ready").status()).isEqualTo(200);
        Answer page = RawHttp.send(locked.port(), "GET", "/v1/models", "Origin: " + FRIEND);
        assertThat(page.status()).isEqualTo(401);
        assertThat(page.header("Access-Control-Allow-Origin")).contains(FRIEND);
    }

    @Test
    void commandsSendTheKey() {
        assertThat(command("--api-key", KEY)).startsWith("0").doesNotContain(KEY);
        assertThat(command()).startsWith("1").contains("needs an API key");
        assertThat(command("--api-key", "wrong")).startsWith("1").contains("not one of this server");
        assertThat(command("--api-key", KEY + "\n")).startsWith("1").doesNotContain(KEY);
    }

    /** Exit status and all that was printed. */
    private static String command(String... arguments) {
        StringWriter text = new StringWriter();
        CommandLine line = new CommandLine(new JobsCommand())
                .setOut(new PrintWriter(text))
                .setErr(new PrintWriter(text))
                .setExecutionExceptionHandler((failure, command, parsed) -> {
                    command.getErr().println(failure.getMessage());
                    return 1;
                });
        String[] all = Arrays.copyOf(new String[] {"list", "--url", locked.url()}, 3 + arguments.length);
        System.arraycopy(arguments, 0, all, 3, arguments.length);
        int status = line.execute(all);
        return status + " " + text;
    }
}
