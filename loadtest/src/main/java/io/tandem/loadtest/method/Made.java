package io.tandem.loadtest.method;

import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.ServerProcess;
import io.tandem.loadtest.TrainingJob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What a job made, where it answers: an adapter on the server that trained it, or a base model on one that is started for it.
 *
 * @param client of that server
 * @param model as requests name it
 * @param bytes of its weights on disk
 * @param end forgets it
 */
record Made(ApiClient client, String model, long bytes, End end) {
    private static final String JOBS = "/v1/fine_tuning/jobs/";

    /** How it is forgotten. */
    interface End {
        void run() throws IOException, InterruptedException;
    }

    /** What an adapter's job made, which has succeeded. */
    static Made adapter(ServerProcess server, String name) throws IOException, InterruptedException {
        ApiClient client = server.client();
        long bytes = client.get("/v1/adapters/" + name).path("bytes").asLong();
        return new Made(client, name, bytes, () -> client.delete("/v1/models/" + name));
    }

    /** What a base model's job made, which has succeeded: starts a server. */
    static Made base(ServerProcess server, TrainingJob job) throws IOException, InterruptedException {
        ApiClient client = server.client();
        Path base = server.data()
                .resolve(client.get(JOBS + job.id()).path("fine_tuned_base").asText());
        ServerProcess own = ServerProcess.start(base, "", "");
        return new Made(own.client(), own.client().baseModel(), Files.size(base.resolve("model.safetensors")), () -> {
            own.close();
            client.delete(JOBS + job.id());
        });
    }

    void forget() throws IOException, InterruptedException {
        end.run();
    }
}
