package io.tandem.loadtest.simulation;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.GeneratedAdapter;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;

/** Publishes an adapter, asks it once and deletes it, over and over. */
final class AdapterChurn {
    private static final long PAUSE_MILLIS = 500;

    private final ApiClient client;
    private final GeneratedAdapter shape;
    private final Thread thread = new Thread(this::run, "adapter-churn");
    private final CompletableFuture<Integer> finished = new CompletableFuture<>();
    private volatile boolean stopped;

    private AdapterChurn(ApiClient client, GeneratedAdapter shape) {
        this.client = client;
        this.shape = shape;
    }

    /** @param wanted whether anything shall happen */
    static AdapterChurn start(ApiClient client, GeneratedAdapter shape, boolean wanted) {
        AdapterChurn churn = new AdapterChurn(client, shape);
        churn.stopped = !wanted;
        churn.thread.start();
        return churn;
    }

    private void run() {
        int rounds = 0;
        try {
            while (!stopped) {
                String name = "churn-" + rounds;
                shape.publish(client, name, rounds);
                ObjectNode body = ApiClient.JSON.createObjectNode();
                client.post(
                        "/v1/completions",
                        body.put("model", name).put("prompt", "Once").put("max_tokens", 1));
                client.delete("/v1/adapters/" + name);
                rounds++;
                Thread.sleep(PAUSE_MILLIS);
            }
            finished.complete(rounds);
        } catch (IOException | InterruptedException e) {
            finished.completeExceptionally(e);
        }
    }

    /** @throws java.util.concurrent.CompletionException if the server did not do what was asked */
    void stop() {
        stopped = true;
        finished.join();
    }
}
