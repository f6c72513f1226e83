package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.TokenSource;
import io.tandem.server.adapter.Adapters;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.OpenApi;
import io.tandem.server.batch.BatchService;
import io.tandem.server.config.HttpConfig;
import io.tandem.server.finetune.JobService;
import io.tandem.server.storage.FileStore;
import io.tandem.server.text.ServedModel;
import io.tandem.server.text.constrained.Grammars;
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
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** The whole URL table on one screen. */
public final class Routes {

    private static final Set<HttpMethod> CORS_METHODS =
            Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.POST, HttpMethod.DELETE);
    private static final Set<String> CORS_EXPOSED =
            Set.of("X-Adapter-Version", "X-Adapter-Tier", "Retry-After", RequestIds.HEADER);
    private static final int CORS_SECONDS = 600;

    private Routes() {}

    /**
     * What the routes lead to.
     *
     * @param http sizes of requests, and who may send them
     * @param uploads directory for unfinished uploads, on the file system of {@code files}
     * @param maxRank largest rank of an adapter
     * @param version of Tandem
     * @param metrics the text of {@code /metrics}
     */
    public record Targets(
            ServedModel model,
            TokenSource tokens,
            Grammars grammars,
            AnswerSyntax syntax,
            AtomicLong nextRequestId,
            Adapters adapters,
            JobService jobs,
            BatchService batches,
            FileStore files,
            int maxRank,
            Path uploads,
            HttpConfig http,
            BooleanSupplier healthy,
            BooleanSupplier ready,
            String version,
            Supplier<String> metrics,
            Clock clock) {}

    public static Handler<HttpServerRequest> handler(Vertx vertx, Targets targets) {
        return new FrontDoor(targets.http(), router(vertx, targets));
    }

    private static Router router(Vertx vertx, Targets t) {
        ModelNames names = new ModelNames(t.model().name(), t.adapters());
        TextWork text = new TextWork(vertx);
        ModelsHandler models = new ModelsHandler(t.model(), names);
        TokensHandler tokens = new TokensHandler(t.model(), text);
        FilesHandler files = new FilesHandler(t.files(), t.clock());
        FineTuningJobsHandler jobs = new FineTuningJobsHandler(t.jobs());
        BatchesHandler batches = new BatchesHandler(t.batches());
        AdaptersHandler adapters = new AdaptersHandler(t.adapters().library());
        AdapterMakingHandler making = new AdapterMakingHandler(t.adapters(), names, t.model(), t.maxRank());
        LoraAdaptersHandler lora = new LoraAdaptersHandler(t.model(), t.adapters());
        HealthHandler health = new HealthHandler(t.healthy(), t.ready());
        OpenApiHandler description = new OpenApiHandler();
        Router router = Router.router(vertx);
        Table table = new Table(router, t.http(), t.uploads(), text);
        if (!t.http().access().corsOrigins().isEmpty()) {
            cors(router);
        }
        table.get("/health", health::health);
        table.get("/ready", health::ready);
        table.get("/version", context -> version(context, t.version()));
        table.get("/openapi.json", description::answer);
        table.get("/docs", DocsHandler::page);
        table.get("/docs/:asset", DocsHandler::asset);
        // All that follows needs the key.
        t.http().access().apiKey().ifPresent(key -> router.route().handler(new KeyHandler(key)));
        ModelEndpoints.of(t, t.tokens(), names, text)
                .forEach((path, endpoint) -> table.post(path, context -> endpoint.handle(new HttpExchange(context))));
        table.get("/v1/responses/:response", Routes::notStored);
        table.delete("/v1/responses/:response", Routes::notStored);
        table.get("/v1/models", models::list);
        table.get("/v1/models/*", models::get);
        table.delete("/v1/models/:model", models::delete);
        table.post("/tokenize", tokens::tokenize);
        table.post("/detokenize", tokens::detokenize);
        table.form("/v1/files", files::upload);
        table.get("/v1/files", files::list);
        table.get("/v1/files/:file", files::get);
        table.get("/v1/files/:file/content", files::content);
        table.delete("/v1/files/:file", files::delete);
        table.post("/v1/batches", batches::create);
        table.get("/v1/batches", batches::list);
        table.get("/v1/batches/:batch", batches::get);
        table.post("/v1/batches/:batch/cancel", batches::cancel);
        table.post("/v1/fine_tuning/jobs", jobs::create);
        table.post("/v1/fine_tuning/jobs/dry_run", jobs::dryRun);
        table.get("/v1/fine_tuning/jobs", jobs::list);
        table.get("/v1/fine_tuning/jobs/:job", jobs::get);
        table.delete("/v1/fine_tuning/jobs/:job", jobs::delete);
        table.get("/v1/fine_tuning/jobs/:job/events", jobs::events);
        table.get("/v1/fine_tuning/jobs/:job/checkpoints", jobs::checkpoints);
        table.post("/v1/fine_tuning/jobs/:job/cancel", jobs::cancel);
        table.post("/v1/fine_tuning/jobs/:job/pause", jobs::pause);
        table.post("/v1/fine_tuning/jobs/:job/resume", jobs::resume);
        table.formOrJson("/v1/adapters", making::upload, making::create);
        table.get("/v1/adapters", adapters::list);
        table.post("/v1/adapters/merge", making::merge);
        table.post("/v1/adapters/compare", making::compare);
        table.get("/v1/adapters/:id", adapters::get);
        table.delete("/v1/adapters/:id", adapters::delete);
        table.get("/v1/adapters/:id/export", making::export);
        table.post("/v1/adapters/:id/compress", making::compress);
        table.post("/v1/adapters/:id/pin", adapters::pin);
        table.post("/v1/adapters/:id/labels", adapters::label);
        table.post("/v1/adapters/:id/rollback", adapters::rollBack);
        table.post("/v1/adapters/:id/canary", adapters::canary);
        table.post("/v1/load_lora_adapter", lora::load);
        table.post("/v1/unload_lora_adapter", lora::unload);
        table.get("/metrics", context -> metrics(context, t.metrics()));
        table.get("/", context -> index(context, router));
        description.describe(router, served(t));
        OtherMethods.addTo(router);
        router.route().failureHandler(context -> ErrorMapper.handle(context, 500));
        // Failures of the router itself, before it has found a route.
        IntStream.range(400, 600)
                .forEach(status -> router.errorHandler(status, context -> ErrorMapper.handle(context, status)));
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

    private static void version(RoutingContext context, String version) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("version", version);
        Json.answer(context, json);
    }

    private static OpenApi.Served served(Targets t) {
        return new OpenApi.Served(
                t.model().name(),
                t.model().bounds(),
                t.version(),
                t.http().access().apiKey().isPresent());
    }

    private static void notStored(RoutingContext context) {
        String id = context.pathParam("response");
        throw ApiException.notFound(
                "response_id",
                "response_not_found",
                "There is no response '" + id + "': this server answers with responses, but does not store them.");
    }

    private static void index(RoutingContext context, Router router) {
        String table = router.getRoutes().stream()
                .filter(route -> route.getPath() != null && route.methods() != null)
                .filter(route -> !route.methods().contains(HttpMethod.HEAD))
                .map(route -> route.methods().iterator().next() + " " + OtherMethods.pattern(route) + "\n")
                .distinct()
                .collect(Collectors.joining());
        context.response()
                .putHeader("Content-Type", "text/plain; charset=utf-8")
                .end("Tandem serves and fine-tunes on one device.\n\n" + table);
    }

    /** Makes routes of one kind alike. */
    private static final class Table {
        private final Router router;
        private final HttpConfig http;
        private final Path uploads;
        private final TextWork text;
        private final BodyDeadline deadline;
        private final JsonBodies typed;
        private final BodyHandler body;

        Table(Router router, HttpConfig http, Path uploads, TextWork text) {
            this.router = router;
            this.http = http;
            this.uploads = uploads;
            this.text = text;
            this.deadline = new BodyDeadline(http.limits());
            this.typed = new JsonBodies(deadline);
            this.body = BodyHandler.create(false).setBodyLimit(http.maxBodyBytes());
        }

        void get(String path, Handler<RoutingContext> handler) {
            router.get(path).handler(handler);
            router.head(path).handler(handler);
        }

        void delete(String path, Handler<RoutingContext> handler) {
            router.delete(path).handler(handler);
        }

        void post(String path, Handler<RoutingContext> handler) {
            router.post(path)
                    .handler(typed)
                    .handler(body)
                    .handler(text::parse)
                    .handler(handler)
                    .failureHandler(this::bodyFailed);
        }

        /** The body's reader knows no setting. */
        private void bodyFailed(RoutingContext context) {
            if (context.statusCode() == 413 && !context.response().headWritten()) {
                ErrorMapper.answer(context.request(), ErrorMapper.tooLarge(http.maxBodyBytes(), "http.max-body-bytes"));
            } else {
                context.next();
            }
        }

        void form(String path, BiConsumer<RoutingContext, Upload> handler) {
            router.post(path).handler(new UploadHandler(uploads, http.maxUploadBytes(), deadline, handler));
        }

        void formOrJson(String path, BiConsumer<RoutingContext, Upload> form, Handler<RoutingContext> json) {
            UploadHandler upload = new UploadHandler(uploads, http.maxUploadBytes(), deadline, form);
            router.post(path).handler(context -> {
                if (UploadHandler.isForm(context.request())) {
                    upload.handle(context);
                } else {
                    context.next();
                }
            });
            post(path, json);
        }
    }
}
