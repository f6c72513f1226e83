package io.tandem.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class MergeWayTest {
    private final List<JsonNode> requests = new ArrayList<>();
    private HttpServer server;

    @BeforeEach
    void start() throws Exception {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/v1/adapters/merge", exchange -> {
            requests.add(ApiClient.JSON.readTree(exchange.getRequestBody()));
            exchange.sendResponseHeaders(200, 2);
            exchange.getResponseBody().write("{}".getBytes(StandardCharsets.UTF_8));
            exchange.close();
        });
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    @Test
    void requestsHaveWeightsThatAddUpAsTheLabelSays() throws Exception {
        ApiClient client =
                new ApiClient("http://127.0.0.1:" + server.getAddress().getPort());
        for (MergeWay way : MergeWay.forAny(4, 0.3)) {
            way.merge(client, "new", List.of("a", "b", "c", "d"));
        }
        MergeWay.swap("layer swap", Map.of()).merge(client, "new", List.of("a", "b"));
        MergeWay.swap("wide", Map.of("bottom", 2)).merge(client, "new", List.of("a", "b"));
        assertThat(requests.get(0).toString())
                .isEqualTo("{\"name\":\"new\",\"merge_strategy\":\"linear\",\"ids\":[\"a\",\"b\",\"c\",\"d\"],"
                        + "\"weights\":[0.25,0.25,0.25,0.25]}");
        assertThat(requests.stream().filter(request -> request.has("density")))
                .hasSize(4)
                .allMatch(request -> request.path("density").asDouble() == 0.3);
        JsonNode swap = requests.get(requests.size() - 2);
        assertThat(swap.path("merge_strategy").asText()).isEqualTo("layer_swap");
        assertThat(swap.has("layer_swap")).isFalse();
        assertThat(requests.get(requests.size() - 1).at("/layer_swap/bottom").asInt())
                .isEqualTo(2);
    }

    @Test
    void aSearchIsOfTheSameMerge() throws Exception {
        ApiClient client =
                new ApiClient("http://127.0.0.1:" + server.getAddress().getPort());
        MergeWay searched = MergeWay.pruned("TIES", "ties", 0.3).searched("file-1", 7);
        assertThat(searched.label()).isEqualTo("searched TIES");
        searched.merge(client, "new", List.of("a", "b"));
        assertThat(requests.get(0).toString())
                .isEqualTo("{\"density\":0.3,\"validation_file\":\"file-1\",\"evaluations\":7,\"name\":\"new\","
                        + "\"merge_strategy\":\"ties\",\"ids\":[\"a\",\"b\"],\"weights\":[1.0,1.0]}");
    }

    @Test
    void labelsDifferAndFitIntoATable() {
        List<String> labels =
                MergeWay.forAny(2, 0.5).stream().map(MergeWay::label).toList();
        assertThat(labels).doesNotHaveDuplicates().noneMatch(label -> label.contains(","));
    }
}
