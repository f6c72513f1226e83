package io.tandem.loadtest.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Gatling itself, against a server that streams three tokens and refuses every fourth request. */
class TrafficSimulationTest {
    private static final String TOKEN = "data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":null}]}\n\n";
    private static final String LAST = "data: {\"choices\":[{\"text\":\"\",\"finish_reason\":\"length\"}]}\n\n";

    private final AtomicInteger asked = new AtomicInteger();
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @TempDir
    private Path directory;

    private HttpServer server;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/v1/completions", this::answer);
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
        threads.shutdownNow();
    }

    private void answer(HttpExchange exchange) throws IOException {
        exchange.getRequestBody().readAllBytes();
        if (asked.incrementAndGet() % 4 == 0) {
            exchange.sendResponseHeaders(429, -1);
            exchange.close();
            return;
        }
        exchange.sendResponseHeaders(200, 0);
        try (OutputStream out = exchange.getResponseBody()) {
            for (String chunk : List.of(TOKEN, TOKEN, TOKEN, LAST, "data: [DONE]\n\n")) {
                out.write(chunk.getBytes(StandardCharsets.UTF_8));
                out.flush();
            }
        }
    }

    private int run(Profile profile, double tpot) throws Exception {
        String url = "http://127.0.0.1:" + server.getAddress().getPort();
        new Run(url, "sample", 1024, 1024, List.of(), profile, 20, 1.2, 1, tpot, 60_000).write(directory);
        return GatlingProcess.run(directory);
    }

    @Test
    void refusalsAreRightWhereTheProfileSaysSo() throws Exception {
        assertThat(run(Profile.OVERLOAD, 60_000)).isZero();
        Table requests = Table.read(directory.resolve(RequestLog.FILE));
        assertThat(requests.size()).isEqualTo(asked.get()).isGreaterThan(4);
        assertThat(requests.where("status", "429").size()).isEqualTo(asked.get() / 4);
        Table answered = requests.where("status", "200");
        assertThat(answered.numbers("tokens")).containsOnly(3.0);
        assertThat(answered.texts("met")).containsOnly("1");
        assertThat(Files.readString(directory.resolve(GatlingProcess.page(directory))))
                .contains("answer inside the SLO");
    }

    @Test
    void refusalsAndMissedTargetsFailOtherProfiles() throws Exception {
        assertThat(run(Profile.STEADY, 0)).isNotZero();
        assertThat(Table.read(directory.resolve(RequestLog.FILE))
                        .where("met", "1")
                        .size())
                .isZero();
    }
}
