package io.tandem.server.http;

import io.tandem.server.adapter.Adapters;
import io.tandem.server.config.HttpConfig;
import io.tandem.server.finetune.JobService;
import io.tandem.server.storage.FileStore;
import io.tandem.server.text.ServedModel;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import io.vertx.ext.web.handler.CorsHandler;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** The whole URL table on one screen. */
public final class Routes {
    private static final List<Integer> STATUSES = List.of(400, 404, 405, 413, 415);

    private static final Set<HttpMethod> CORS_METHODS =
            Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.POST, HttpMethod.DELETE);
    private static final Set<String> CORS_EXPOSED = Set.of("X-Adapter-Version", "X-Adapter-Tier", "Retry-After");
    private static final int CORS_SECONDS = 600;

    private Routes() {}

    /**
     * What the routes lead to.
     *
     * @param http sizes of requests, and who may send them
     * @param uploads directory for unfinished uploads, on the file system of {@code files}
     * @param maxRank largest rank of an adapter
     * @param metrics the text of {@code /metrics}
     */
    public record Targets(
            ServedModel model,
            TokenSource tokens,
            AtomicLong nextRequestId,
            Adapters adapters,
            JobService jobs,
            FileStore files,
            int maxRank,
            Path uploads,
            HttpConfig http,
            BooleanSupplier healthy,
            BooleanSupplier ready,
            Supplier<String> metrics,
            Clock clock) {}

    public static Handler<HttpServerRequest> handler(Vertx vertx, Targets targets) {
        return new FrontDoor(targets.http(), router(vertx, targets));
    }

    private static Router router(Vertx vertx, Targets t) {
        ModelNames names = new ModelNames(
                t.model().name(), t.adapters().library(), t.adapters().merges());
        Generation.Source source = new Generation.Source(t.tokens(), t.model(), t.nextRequestId());
        CompletionsHandler completions = new CompletionsHandler(source, names, t.maxRank(), t.clock());
        ModelsHandler models = new ModelsHandler(t.model(), names);
        FilesHandler files = new FilesHandler(t.files(), t.clock());
        FineTuningJobsHandler jobs = new FineTuningJobsHandler(t.jobs());
        AdaptersHandler adapters = new AdaptersHandler(t.adapters().library());
        AdapterMakingHandler making = new AdapterMakingHandler(t.adapters(), names, t.model(), t.maxRank());
        LoraAdaptersHandler lora = new LoraAdaptersHandler(t.model(), t.adapters());
        HealthHandler health = new HealthHandler(t.healthy(), t.ready());
        JsonBodies typed = new JsonBodies();
        BodyHandler json = BodyHandler.create(false).setBodyLimit(t.http().maxBodyBytes());
        BodyHandler upload = BodyHandler.create(true)
                .setUploadsDirectory(t.uploads().toString())
                .setDeleteUploadedFilesOnEnd(true)
                .setBodyLimit(t.http().maxUploadBytes());

        Router router = Router.router(vertx);
        if (!t.http().access().corsOrigins().isEmpty()) {
            cors(router);
        }
        router.get("/health").handler(health::health);
        router.get("/ready").handler(health::ready);
        // All that follows needs the key.
        t.http().access().apiKey().ifPresent(key -> router.route().handler(new KeyHandler(key)));
        router.post("/v1/completions").handler(typed).handler(json).handler(completions::complete);
        router.post("/v1/chat/completions").handler(typed).handler(json).handler(completions::chat);
        router.get("/v1/models").handler(models::list);
        router.get("/v1/models/:model").handler(models::get);
        router.post("/v1/files").handler(upload).handler(files::upload);
        router.get("/v1/files").handler(files::list);
        router.get("/v1/files/:file").handler(files::get);
        router.get("/v1/files/:file/content").handler(files::content);
        router.delete("/v1/files/:file").handler(files::delete);
        router.post("/v1/fine_tuning/jobs").handler(typed).handler(json).handler(jobs::create);
        router.post("/v1/fine_tuning/jobs/dry_run").handler(typed).handler(json).handler(jobs::dryRun);
        router.get("/v1/fine_tuning/jobs").handler(jobs::list);
        router.get("/v1/fine_tuning/jobs/:job").handler(jobs::get);
        router.get("/v1/fine_tuning/jobs/:job/events").handler(jobs::events);
        router.get("/v1/fine_tuning/jobs/:job/checkpoints").handler(jobs::checkpoints);
        router.post("/v1/fine_tuning/jobs/:job/cancel")
                .handler(typed)
                .handler(json)
                .handler(jobs::cancel);
        router.post("/v1/fine_tuning/jobs/:job/pause")
                .handler(typed)
                .handler(json)
                .handler(jobs::pause);
        router.post("/v1/fine_tuning/jobs/:job/resume")
                .handler(typed)
                .handler(json)
                .handler(jobs::resume);
        router.post("/v1/adapters")
                .consumes("multipart/form-data")
                .handler(upload)
                .handler(making::upload);
        router.post("/v1/adapters").handler(typed).handler(json).handler(making::create);
        router.get("/v1/adapters").handler(adapters::list);
        router.post("/v1/adapters/merge").handler(typed).handler(json).handler(making::merge);
        router.get("/v1/adapters/:id").handler(adapters::get);
        router.delete("/v1/adapters/:id").handler(adapters::delete);
        router.get("/v1/adapters/:id/export").handler(making::export);
        router.post("/v1/adapters/:id/compress").handler(typed).handler(json).handler(making::compress);
        router.post("/v1/adapters/:id/pin").handler(typed).handler(json).handler(adapters::pin);
        router.post("/v1/adapters/:id/labels").handler(typed).handler(json).handler(adapters::label);
        router.post("/v1/adapters/:id/rollback").handler(typed).handler(json).handler(adapters::rollBack);
        router.post("/v1/adapters/:id/canary").handler(typed).handler(json).handler(adapters::canary);
        router.post("/v1/load_lora_adapter").handler(typed).handler(json).handler(lora::load);
        router.post("/v1/unload_lora_adapter").handler(typed).handler(json).handler(lora::unload);
        router.get("/metrics").handler(context -> metrics(context, t.metrics()));
        router.get("/").handler(context -> context.end(index(router)));
        router.route().failureHandler(ErrorMapper::handle);
        STATUSES.forEach(status -> router.errorHandler(status, ErrorMapper::handle));
        return router;
    }

    /** Headers for pages of other origins. Those that may not come were refused before, so any origin passes here. */
    private static void cors(Router router) {
        router.route().handler(context -> {
            context.response().putHeader(HttpHeaders.VARY, HttpHeaders.ORIGIN);
            context.next();
        });
        router.route()
                .handler(CorsHandler.create()
                        .addOriginWithRegex(".+")
                        .allowedMethods(CORS_METHODS)
                        .exposedHeaders(CORS_EXPOSED)
                        .allowPrivateNetwork(true)
                        .maxAgeSeconds(CORS_SECONDS));
    }

    private static void metrics(RoutingContext context, Supplier<String> text) {
        context.response()
                .putHeader("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                .end(text.get());
    }

    private static String index(Router router) {
        StringBuilder text = new StringBuilder("Tandem serves and fine-tunes on one device.\n\n");
        router.getRoutes().stream()
                .filter(route -> route.getPath() != null && route.methods() != null)
                .forEach(route -> text.append(route.methods().iterator().next())
                        .append(' ')
                        .append(route.getPath())
                        .append('\n'));
        return text.toString();
    }
}
