package io.tandem.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.server.api.TenantId;
import io.tandem.server.storage.Storage;
import io.tandem.server.storage.StoredData;
import io.tandem.server.storage.TenantFiles;
import io.tandem.server.storage.TenantStore;
import io.tandem.server.storage.blob.Blobs;
import io.tandem.server.storage.blob.DiskBlobs;
import io.tandem.server.tenant.Principal;
import io.tandem.server.tenant.Role;
import io.tandem.server.tenant.Tenants;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files in a store that takes its time with those of one tenant. */
@Timeout(60)
class FilesHandlerTest {
    private static final int WORKERS = 2;
    private static final TenantId LOUD = TenantId.random();
    private static final TenantId QUIET = TenantId.random();

    @TempDir
    private Path root;

    private final Vertx vertx = Vertx.vertx(new VertxOptions().setWorkerPoolSize(WORKERS));
    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final CountDownLatch begun = new CountDownLatch(2);
    private final CountDownLatch gate = new CountDownLatch(1);
    private Storage storage;
    private TenantFiles files;
    private String url;

    @BeforeEach
    void start() throws IOException {
        storage = new Storage(StoredData.documentsOf(root), slow(new DiskBlobs(root)));
        files = new TenantFiles(storage);
        Tenants tenants = new Tenants(new TenantStore(storage), Optional.empty(), false, Clock.systemUTC());
        FilesHandler handler =
                new FilesHandler(files, new FileRoom(tenants), TenantTurns.ofUploads(vertx), Clock.systemUTC());
        Router router = Router.router(vertx);
        router.get("/:tenant/:file/content")
                .handler(context -> handler.content(context, caller(context.pathParam("tenant"))));
        router.get("/:tenant/:file").handler(context -> handler.get(context, caller(context.pathParam("tenant"))));
        router.delete("/:tenant/:file")
                .handler(context -> handler.delete(context, caller(context.pathParam("tenant"))));
        int port = vertx.createHttpServer()
                .requestHandler(router)
                .listen(0, "127.0.0.1")
                .toCompletionStage()
                .toCompletableFuture()
                .join()
                .actualPort();
        url = "http://127.0.0.1:" + port + "/";
    }

    private static Principal caller(String tenant) {
        return new Principal(new TenantId(tenant), Role.ADMIN);
    }

    /** Reads and deletes what the loud tenant has only when the test says so. */
    private Blobs slow(Blobs blobs) {
        return (Blobs) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {Blobs.class}, (proxy, method, arguments) -> {
                    boolean moves =
                            method.getName().equals("read") || method.getName().equals("delete");
                    if (moves && String.valueOf(arguments[0]).contains(LOUD.value())) {
                        begun.countDown();
                        gate.await();
                    }
                    return method.invoke(blobs, arguments);
                });
    }

    @AfterEach
    void stop() {
        gate.countDown();
        vertx.close().toCompletionStage().toCompletableFuture().join();
        storage.close();
    }

    private String upload(TenantId tenant) throws IOException {
        Path file = Files.writeString(root.resolve("upload"), "some text");
        String id = files.of(tenant)
                .add(file, "a.jsonl", "batch", 5, OptionalLong.empty())
                .path("id")
                .asText();
        return tenant.value() + "/" + id;
    }

    private CompletableFuture<HttpResponse<String>> send(String method, String path) {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + path))
                .method(method, HttpRequest.BodyPublishers.noBody())
                .build();
        return client.sendAsync(request, BodyHandlers.ofString());
    }

    @Test
    void downloadsAndDeletionsOfOneTenantKeepNoOtherFromItsFiles() throws Exception {
        String small = upload(QUIET);
        List<CompletableFuture<HttpResponse<String>>> loud = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            loud.add(send("GET", upload(LOUD) + "/content"));
            loud.add(send("DELETE", upload(LOUD)));
        }
        begun.await();
        assertThat(send("GET", small).join().statusCode()).isEqualTo(200);
        assertThat(send("GET", small + "/content").join().body()).isEqualTo("some text");
        assertThat(send("DELETE", small).join().statusCode()).isEqualTo(200);
        assertThat(loud).noneMatch(CompletableFuture::isDone);
        gate.countDown();
        for (CompletableFuture<HttpResponse<String>> answer : loud) {
            assertThat(answer.join().statusCode()).isEqualTo(200);
        }
    }
}
