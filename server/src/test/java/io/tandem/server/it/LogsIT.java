package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Logs for programs: of the server, of each request, and of what admins do. */
@Timeout(120)
@DisabledOnOs(OS.WINDOWS)
class LogsIT {
    private static final String PROJECTS = "/v1/organization/projects";

    @TempDir
    private Path directory;

    private static List<JsonNode> lines(ServeProcess server, String logger) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : server.log().lines().toList()) {
            // Progress is for terminals.
            if (!line.startsWith("loading the model")) {
                JsonNode event = JsonBody.MAPPER.readTree(line);
                if (event.path("logger").asText().endsWith(logger)) {
                    lines.add(event);
                }
            }
        }
        return lines;
    }

    private static List<JsonNode> await(ServeProcess server, String logger, int count) throws Exception {
        List<JsonNode> lines = lines(server, logger);
        while (lines.size() < count) {
            Thread.sleep(10);
            lines = lines(server, logger);
        }
        return lines;
    }

    @Test
    void everyLineIsAnObject() throws Exception {
        try (ServeProcess server = ServeProcess.start(
                directory, "server: {access-log: true}", "env", "TANDEM_LOG_FORMAT=json", "TANDEM_LOG_LEVEL=DEBUG")) {
            String id = "mine-\\\"quoted\\\"";
            String request = "POST /v1/completions?secret=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    + "Content-Type: application/json\r\nX-Request-Id: " + id + "\r\nContent-Length: 2\r\n\r\n{}";
            RawHttp.Answer refused = RawHttp.exchange(server.port(), request);
            assertThat(refused.status()).isEqualTo(400);
            JsonNode access = await(server, "access", 1).get(0);
            assertThat(access.path("message").asText()).startsWith("127.0.0.1 POST /v1/completions 400 ");
            assertThat(access.path("status").isInt()).isTrue();
            assertThat(access.path("status").asInt()).isEqualTo(400);
            assertThat(access.path("method").asText()).isEqualTo("POST");
            assertThat(access.path("path").asText()).isEqualTo("/v1/completions");
            assertThat(access.path("whole").asBoolean()).isTrue();
            assertThat(access.path("bytes").asInt()).isEqualTo(refused.body().length());
            assertThat(access.path("tenant").asText()).isEqualTo("default");
            assertThat(access.path("key").asText()).isEqualTo("anonymous");
            assertThat(access.path("request").asText()).isEqualTo(id);
            assertThat(lines(server, "ErrorMapper"))
                    .singleElement()
                    .satisfies(line -> assertThat(line.path("request").asText()).isEqualTo(id));
            assertThat(server.log()).as("queries may be anything").doesNotContain("secret=1");

            // Who leaves before the end has a line too; so many answers that they do not end first.
            try (Socket leaving = new Socket("127.0.0.1", server.port())) {
                String body =
                        "{\"model\":\"tiny\",\"prompt\":[\"Hi\",\"Hi\",\"Hi\",\"Hi\"],\"n\":16,\"max_tokens\":250,\"ignore_eos\":true,"
                                + "\"stream\":true}";
                String head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
                        + "Content-Type: application/json\r\nContent-Length: " + body.length() + "\r\n\r\n";
                leaving.getOutputStream().write((head + body).getBytes(StandardCharsets.US_ASCII));
                assertThat(leaving.getInputStream().read()).isEqualTo('H');
            }
            assertThat(await(server, "access", 2).get(1).path("whole").asBoolean())
                    .isFalse();
            assertThat(lines(server, "StartupLog")).isNotEmpty().allSatisfy(line -> {
                assertThat(line.path("time").asText()).matches("20\\d\\d-\\d\\d-\\d\\dT.*Z");
                assertThat(line.path("level").asText()).isEqualTo("INFO");
            });
        }
    }

    @Test
    void whatAdminsDoIsWrittenDown() throws Exception {
        try (ServeProcess server = ServeProcess.start(directory, "", "env", "TANDEM_LOG_FORMAT=json")) {
            HttpResponse<String> made = server.post(PROJECTS, "{\"name\":\"acme\"}");
            String acme = JsonBody.MAPPER.readTree(made.body()).path("id").asText();
            String path = PROJECTS + "/default/api_keys";
            JsonNode admin = JsonBody.MAPPER.readTree(
                    server.post(path, "{\"name\":\"ops\",\"role\":\"admin\"}").body());
            server.key(admin.path("value").asText());
            JsonNode user =
                    JsonBody.MAPPER.readTree(server.post(PROJECTS + "/" + acme + "/api_keys", "{\"name\":\"a\"}")
                            .body());
            assertThat(server.get(PROJECTS).statusCode()).isEqualTo(200);
            server.key(user.path("value").asText());
            assertThat(server.post(PROJECTS, "{\"name\":\"other\"}").statusCode())
                    .isEqualTo(403);

            List<JsonNode> audit = await(server, "audit", 4);
            assertThat(audit)
                    .extracting(line -> line.path("key").asText() + " of "
                            + line.path("tenant").asText() + " "
                            + line.path("method").asText() + " "
                            + line.path("path").asText() + " "
                            + line.path("status").asInt())
                    .containsExactly(
                            "anonymous of default POST " + PROJECTS + " 200",
                            "anonymous of default POST " + path + " 200",
                            admin.path("id").asText() + " of default POST " + PROJECTS + "/" + acme + "/api_keys 200",
                            user.path("id").asText() + " of " + acme + " POST " + PROJECTS + " 403");
            assertThat(audit.get(0).path("request").asText())
                    .isEqualTo(made.headers().firstValue("X-Request-Id").orElseThrow());
            assertThat(server.log())
                    .doesNotContain(
                            admin.path("value").asText(), user.path("value").asText());
            assertThat(lines(server, "access")).as("off by default").isEmpty();
        }
    }
}
