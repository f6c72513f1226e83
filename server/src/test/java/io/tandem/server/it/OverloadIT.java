package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Clients that take or open more than there is harm nobody else. */
@Timeout(120)
@DisabledOnOs(OS.WINDOWS)
class OverloadIT {
    private static final int DESCRIPTORS = 600;
    private static final int CONNECTIONS = 700;
    private static final String COMPLETION = "{\"model\":\"tiny\",\"prompt\":\"Hi\",\"max_tokens\":3}";
    private static final int RECEIVED = 4096;

    @TempDir
    private Path directory;

    private static Socket connect(int port, String text) throws IOException {
        Socket socket = new Socket();
        socket.setReceiveBufferSize(RECEIVED);
        socket.connect(new InetSocketAddress("127.0.0.1", port));
        socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    @Test
    void aStreamThatNobodyReadsIsCutOff() throws Exception {
        String prompts = Stream.generate(() -> "\"Hi\"").limit(4).collect(Collectors.joining(","));
        String body = "{\"model\":\"tiny\",\"prompt\":[" + prompts
                + "],\"n\":16,\"max_tokens\":250,\"ignore_eos\":true,\"stream\":true,\"logprobs\":20}";
        String request = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "X-Request-Id: req-of-nobody\r\nContent-Length: " + body.length() + "\r\n\r\n" + body;
        try (ServeProcess server = ServeProcess.start(directory, "");
                Socket deaf = connect(server.port(), request)) {
            server.awaitLog("req-of-nobody /v1/completions is cut off: its client does not read the stream");
            // What it held is free, long before it would have ended by itself, and others are served.
            while (!server.get("/metrics").body().contains("\ntandem_requests_open 0.0\n")) {
                Thread.sleep(5);
            }
            assertThat(deaf.isClosed()).isFalse();
            assertThat(server.post("/v1/completions", COMPLETION).statusCode()).isEqualTo(200);
        }
    }

    /** On a connection of its own: those that wait for a further request make room for others. */
    private static int post(ServeProcess server, String path, String body) throws IOException {
        return RawHttp.post(server.port(), path, body, "Content-Type: application/json")
                .status();
    }

    @Test
    void aServerWithFewFileDescriptorsGoesOn() throws Exception {
        String limit = "ulimit -n " + DESCRIPTORS + " && exec \"$@\"";
        List<Socket> open = new ArrayList<>();
        try (ServeProcess server = ServeProcess.start(directory, "", "bash", "-c", limit, "bash")) {
            // In a packaged server all jars are open by then; here each class is a file of its own.
            assertThat(post(server, "/v1/completions", COMPLETION)).isEqualTo(200);
            assertThat(RawHttp.send(server.port(), "GET", "/v1/files").status()).isEqualTo(200);
            for (int i = 0; i < CONNECTIONS; i++) {
                open.add(connect(server.port(), ""));
            }
            // Whoever comes now is accepted after the flood. Until its last connections are closed, files cannot be
            // opened.
            assertThat(post(server, "/v1/completions", COMPLETION)).isEqualTo(200);
            while (RawHttp.send(server.port(), "GET", "/v1/files").status() != 200) {
                Thread.sleep(10);
            }
            for (int i = 0; i < 20; i++) {
                assertThat(post(server, "/v1/completions", COMPLETION)).isEqualTo(200);
                // Something that opens files.
                assertThat(JsonBody.MAPPER
                                .readTree(RawHttp.send(server.port(), "GET", "/v1/files")
                                        .body())
                                .path("object")
                                .asText())
                        .isEqualTo("list");
            }
            String key = "{\"name\":\"k\",\"role\":\"admin\"}";
            assertThat(post(server, "/v1/organization/projects/default/api_keys", key))
                    .as("files can be written")
                    .isEqualTo(200);
            server.terminate();
            assertThat(server.awaitEnd()).isZero();
        } finally {
            for (Socket socket : open) {
                socket.close();
            }
        }
    }
}
