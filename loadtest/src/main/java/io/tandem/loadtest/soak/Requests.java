package io.tandem.loadtest.soak;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.StatusException;
import io.tandem.loadtest.Tally;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;

/** The requests of a soak: most are answered to their end, some are left and some are wrong. */
final class Requests {
    private static final String CHAT = "/v1/chat/completions";
    private static final double LEFT = 0.01;
    private static final double WRONG = 0.01;
    private static final int MOST_TOKENS = 48;
    private static final int TIMEOUT_MILLIS = 60_000;

    private final ApiClient client;
    private final URI server;
    private final List<String> models;
    private final Tally tally;
    private final Outages outages;

    /** @param models the base model and adapters, all equally often */
    Requests(ApiClient client, String url, List<String> models, Tally tally, Outages outages) {
        this.outages = outages;
        this.client = client;
        this.server = URI.create(url);
        this.models = models;
        this.tally = tally;
    }

    /** Sends one request and waits for its end. */
    void send(Random random) {
        double kind = random.nextDouble();
        try {
            if (kind < LEFT) {
                leave(random);
                tally.count("requests left by their clients");
            } else if (kind < LEFT + WRONG) {
                wrong();
                tally.count("malformed requests");
            } else {
                answered(random);
                tally.count("requests answered");
            }
        } catch (StatusException e) {
            if (!outages.excuse(e)) {
                tally.fail("a request failed: " + e);
            }
        } catch (IOException e) {
            tally.fail("a request failed: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private ObjectNode body(Random random) {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", models.get(random.nextInt(models.size())));
        body.put("max_tokens", 1 + random.nextInt(MOST_TOKENS)).put("ignore_eos", true);
        body.put("stream", random.nextBoolean());
        body.putArray("messages").addObject().put("role", "user").put("content", "Story " + random.nextInt(1000));
        return body;
    }

    private void answered(Random random) throws IOException, InterruptedException {
        ObjectNode body = body(random);
        if (body.path("stream").asBoolean()) {
            int[] tokens = {0};
            client.stream(CHAT, body, token -> tokens[0]++);
            if (tokens[0] == 0) {
                throw new IOException("a stream without tokens");
            }
        } else {
            int tokens = client.post(CHAT, body).at("/usage/completion_tokens").asInt();
            if (tokens != body.path("max_tokens").asInt()) {
                throw new IOException(tokens + " tokens instead of " + body.path("max_tokens"));
            }
        }
    }

    private void wrong() throws IOException, InterruptedException {
        try {
            client.post(
                    CHAT,
                    ApiClient.JSON
                            .createObjectNode()
                            .put("model", models.get(0))
                            .put("messages", 3));
            throw new IOException("a wrong request was answered");
        } catch (StatusException e) {
            if (e.status() != 400) {
                throw e;
            }
        }
    }

    /** Goes away at the first byte of an answer. */
    private void leave(Random random) throws IOException {
        byte[] body = body(random).put("stream", true).toString().getBytes(StandardCharsets.UTF_8);
        try (Socket socket = new Socket(server.getHost(), server.getPort())) {
            socket.setSoTimeout(TIMEOUT_MILLIS);
            String head = "POST " + CHAT
                    + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " + body.length
                    + "\r\n\r\n";
            socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
            socket.getOutputStream().write(body);
            if (socket.getInputStream().read() != 'H') {
                throw new IOException("no answer");
            }
        }
    }
}
