package io.tandem.server.it;

import io.tandem.kernels.Dtype;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.Stash;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.server.Application;
import io.tandem.server.config.HttpConfig;
import io.tandem.server.config.ServerConfig;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.Optional;

/** The whole server over a tiny model, on a free port. */
final class RunningServer implements AutoCloseable {
    static final String MODEL = "tiny";
    static final int CONTEXT = 256;

    private final Application application;
    private final HttpClient client = HttpClient.newHttpClient();

    private RunningServer(Application application) {
        this.application = application;
    }

    /** @param directory gets a model, if there is none, and keeps the server's data */
    static RunningServer start(Path directory) throws IOException {
        Path model = directory.resolve(MODEL);
        if (!model.toFile().exists()) {
            TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).write(model);
        }
        ServerConfig config = new ServerConfig(
                new HttpConfig("127.0.0.1", 0, 1 << 20, 1 << 20),
                directory.resolve("data"),
                model,
                Optional.empty(),
                directory.resolve("import"),
                new SchedulerConfig(50, 64, 0, 64, 4, 256),
                new KernelsConfig(Dtype.FLOAT32, 1, 8, CONTEXT, 512, 4, 16, 512, Stash.KEEP));
        return new RunningServer(Application.start(config));
    }

    String url() {
        return "http://127.0.0.1:" + application.port();
    }

    int port() {
        return application.port();
    }

    int openRequests() {
        return application.openRequests();
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return client.send(HttpRequest.newBuilder(URI.create(url() + path)).build(), BodyHandlers.ofString());
    }

    HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url() + path))
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body))
                .build();
        return client.send(request, BodyHandlers.ofString());
    }

    @Override
    public void close() {
        application.close();
    }
}
