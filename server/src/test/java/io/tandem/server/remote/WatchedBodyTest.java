package io.tandem.server.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A server that stops in the middle of an answer and leaves the connection open. */
@Timeout(30)
class WatchedBodyTest {
    @Test
    void silenceIsAFailure() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Socket> connection = CompletableFuture.supplyAsync(() -> {
                try {
                    Socket socket = server.accept();
                    socket.getInputStream().read();
                    socket.getOutputStream()
                            .write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"
                                    .getBytes(StandardCharsets.US_ASCII));
                    return socket;
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            });
            InputStream raw = HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.getLocalPort()))
                                    .build(),
                            BodyHandlers.ofInputStream())
                    .body();
            // What comes is read with more patience than it can need.
            assertThat(new WatchedBody(raw, Duration.ofMinutes(1)).readNBytes(3))
                    .asString(StandardCharsets.US_ASCII)
                    .isEqualTo("abc");
            try (InputStream body = new WatchedBody(raw, Duration.ofMillis(100))) {
                assertThatThrownBy(body::read).isInstanceOf(IOException.class).hasMessageContaining("nothing came");
            }
            connection.get().close();
        }
    }
}
