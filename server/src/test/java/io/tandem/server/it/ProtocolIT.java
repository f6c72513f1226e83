package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Wrong requests, clients that leave, adapters that do not fit: each has its answer, and the server goes on. */
@Timeout(120)
class ProtocolIT {
    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws IOException {
        server = RunningServer.start(directory);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static void stillServes() throws Exception {
        HttpResponse<String> answer =
                server.post("/v1/completions", "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":2}");
        assertThat(answer.statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    400 | null       |
                    400 | null       | {
                    400 | null       | []
                    400 | null       | {"model":"tiny","model":"tiny"}
                    400 | model      | {}
                    400 | model      | {"model":5,"prompt":"a"}
                    404 | model      | {"model":"nobody","prompt":"a"}
                    400 | prompt     | {"model":"tiny"}
                    400 | prompt     | {"model":"tiny","prompt":[99999]}
                    400 | prompt     | {"model":"tiny","prompt":[-1]}
                    400 | max_tokens | {"model":"tiny","prompt":"a","max_tokens":-1}
                    400 | temperature | {"model":"tiny","prompt":"a","temperature":3}
                    400 | temperature | {"model":"tiny","prompt":"a","temperature":"hot"}
                    400 | n          | {"model":"tiny","prompt":"a","n":1000000}
                    400 | typical_p  | {"model":"tiny","prompt":"a","typical_p":0.5}
                    400 | logit_bias | {"model":"tiny","prompt":"a","logit_bias":{"x":1}}
                    """)
    void wrongCompletionsNameTheField(int status, String field, String body) throws Exception {
        HttpResponse<String> answer = server.post("/v1/completions", body == null ? "" : body);
        assertThat(answer.statusCode()).isEqualTo(status);
        String quoted = field.equals("null") ? "null" : "\"" + field + "\"";
        assertThat(answer.body()).contains("\"param\":" + quoted).contains("\"message\"");
        stillServes();
    }

    @Test
    void aPromptThatIsTooLongIsRefusedWithTheNumbers() throws Exception {
        String prompt = "a".repeat(RunningServer.CONTEXT + 1);
        HttpResponse<String> answer =
                server.post("/v1/completions", "{\"model\":\"tiny\",\"prompt\":\"" + prompt + "\"}");
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body()).contains("257 tokens").contains("256").contains("context_length_exceeded");
    }

    @Test
    void anAbsurdBodyIsRefused() throws Exception {
        HttpResponse<String> answer = server.post("/v1/completions", "x".repeat(2 << 20));
        assertThat(answer.statusCode()).isEqualTo(413);
        String deep = "[".repeat(100_000);
        assertThat(server.post("/v1/completions", deep).statusCode()).isEqualTo(400);
        stillServes();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/nope", "/v1/models/nobody", "/v1/files/file-x", "/v1/fine_tuning/jobs/ftjob-x"})
    void whatIsNotThereIs404(String path) throws Exception {
        HttpResponse<String> answer = server.get(path);
        assertThat(answer.statusCode()).isEqualTo(404);
        assertThat(answer.body()).contains("\"error\"");
    }

    @Test
    void theWrongMethodIs405() throws Exception {
        assertThat(server.get("/v1/completions").statusCode()).isEqualTo(405);
    }

    @ParameterizedTest
    @ValueSource(strings = {"../tiny", "/etc", "missing", "link", ".", "", "a\\u0000b"})
    void adaptersComeFromBelowTheRootOnly(String path) throws Exception {
        Path link = directory.resolve("import/link");
        if (!Files.exists(link, LinkOption.NOFOLLOW_LINKS)) {
            Files.createSymbolicLink(link, directory.resolve("tiny"));
        }
        HttpResponse<String> answer =
                server.post("/v1/load_lora_adapter", "{\"lora_name\":\"new\",\"lora_path\":\"" + path + "\"}");
        assertThat(answer.statusCode()).isBetween(400, 404);
        assertThat(answer.body()).contains("lora_path");
        assertThat(server.get("/v1/models/new").statusCode()).isEqualTo(404);
    }

    @Test
    void aThousandClientsThatLeaveLeaveNothing() throws Exception {
        String body = "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":200,\"stream\":true}";
        String request = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: " + body.length() + "\r\n\r\n" + body;
        for (int i = 0; i < 1000; i++) {
            try (Socket socket = new Socket("127.0.0.1", server.port())) {
                socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
                if (i % 2 == 0) {
                    // Half of them leave in the middle of the answer, the others before it.
                    assertThat(socket.getInputStream().read()).isEqualTo('H');
                }
            }
            while (server.openRequests() > 40) {
                Thread.sleep(5);
            }
        }
        for (int i = 0; i < 200 && server.openRequests() > 0; i++) {
            Thread.sleep(50);
        }
        assertThat(server.openRequests()).isZero();
        stillServes();
        // The last iteration was that of the request above, so what is counted now is what the others left behind. That
        // is counted after the answer has left.
        for (int i = 0; i < 200 && !server.get("/metrics").body().contains("tandem_kv_tokens 0.0"); i++) {
            Thread.sleep(50);
        }
        assertThat(server.get("/metrics").body())
                .contains("tandem_sequences_running 0.0")
                .contains("tandem_requests_waiting 0.0")
                .contains("tandem_kv_tokens 0.0");
    }

    @Test
    void healthReadinessAndMetricsAnswer() throws Exception {
        assertThat(server.get("/health").statusCode()).isEqualTo(200);
        assertThat(server.get("/ready").statusCode()).isEqualTo(200);
        stillServes();
        assertThat(server.get("/metrics").body()).contains("tandem_tokens_total{phase=\"prefill\"}");
    }
}
