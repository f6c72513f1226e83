package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.scheduler.TokenSource;
import io.tandem.server.access.Tokens;
import io.tandem.server.adapter.TenantAdapters;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.OpenApi;
import io.tandem.server.batch.BatchService;
import io.tandem.server.config.HttpConfig;
import io.tandem.server.finetune.JobService;
import io.tandem.server.operation.Readiness;
import io.tandem.server.storage.TenantFiles;
import io.tandem.server.tenant.Principal;
import io.tandem.server.tenant.RateLimits;
import io.tandem.server.tenant.Role;
import io.tandem.server.tenant.Tenants;
import io.tandem.server.tenant.Usage;
import io.tandem.server.text.ServedModel;
import io.tandem.server.text.constrained.Grammars;
import io.tandem.server.trace.RequestSpan;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Route;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import io.vertx.ext.web.handler.CorsHandler;
import java.time.Clock;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** The whole URL table on one screen. */
public final class Routes {

    private static final Set<HttpMethod> CORS_METHODS =
            Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.POST, HttpMethod.DELETE);
    private static final Set<String> CORS_EXPOSED = Set.of(
            "X-Adapter-Version",
            "X-Adapter-Tier",
            "Retry-After",
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
            "x-ratelimit-limit-tokens",
            "x-ratelimit-remaining-tokens",
            "x-ratelimit-reset-tokens",
            RequestIds.HEADER);
    private static final int CORS_SECONDS = 600;

    private Routes() {}

    /**
     * What the routes lead to.
     *
     * @param http sizes of requests, and where they may come from
     * @param tenants who may send requests
     * @param issued tokens that count as keys, if any do
     * @param accessLog that hears of each request
     * @param limits how many of them, and how many tokens
     * @param usage what they have used
     * @param text work on what they say
     * @param maxRank largest rank of an adapter
     * @param readiness whether requests should come
     * @param version of Tandem
     * @param metrics the text of {@code /metrics}
     */
    public record Targets(
            ServedModel model,
            TokenSource tokens,
            Grammars grammars,
            AnswerSyntax syntax,
            AtomicLong nextRequestId,
            TenantAdapters adapters,
            JobService jobs,
            BatchService batches,
            TenantFiles files,
            int maxRank,
            Uploads uploads,
            HttpConfig http,
            Tenants tenants,
            Optional<Tokens> issued,
            AccessLog accessLog,
            RateLimits limits,
            Usage usage,
            TextWork text,
            Readiness readiness,
            String version,
            Supplier<String> metrics,
            Clock clock) {

        /** What names mean to a caller. */
        Function<Principal, ModelNames> names() {
            return caller -> new ModelNames(model.name(), caller.tenant(), adapters);
        }
    }

    public static Handler<HttpServerRequest> handler(Vertx vertx, Targets targets) {
        return new FrontDoor(targets.http(), router(vertx, targets));
    }

    private static Router router(Vertx vertx, Targets t) {
        ModelsHandler models = new ModelsHandler(t.model(), t.names());
        TokensHandler tokens = new TokensHandler(t.model(), t.text());
        FilesHandler files =
                new FilesHandler(t.files(), t.uploads().room(), t.uploads().turns(), t.clock());
        FineTuningJobsHandler jobs = new FineTuningJobsHandler(t.jobs());
        BatchesHandler batches = new BatchesHandler(t.batches());
        AdaptersHandler adapters = new AdaptersHandler(t.adapters());
        AdapterMakingHandler making = new AdapterMakingHandler(
                t.adapters(), t.names(), t.model(), t.maxRank(), t.uploads().turns());
        LoraAdaptersHandler lora = new LoraAdaptersHandler(t.model(), t.adapters());
        HealthHandler health = new HealthHandler(t.readiness());
        OpenApiHandler description = new OpenApiHandler();
        Router router = Router.router(vertx);
        Table table = new Table(router, t.http(), t.uploads(), t.text());
        if (!t.http().access().corsOrigins().isEmpty()) {
            cors(router);
        }
        table.open("/health", health::health);
        table.open("/ready", health::ready);
        table.open("/version", context -> version(context, t.version()));
        table.open("/openapi.json", description::answer);
        table.open("/docs", WebPages.DOCS::page);
        table.open("/docs/:asset", WebPages.DOCS::asset);
        table.open("/console", WebPages.CONSOLE::page);
        table.open("/console/:asset", WebPages.CONSOLE::asset);
        router.route().handler(health::admit);
        // All that follows has a caller, and needs a key once there is one.
        router.route().handler(new KeyHandler(t.tenants(), t.issued(), t.accessLog()));
        ModelEndpoints.of(t, t.tokens())
                .forEach((path, endpoint) -> table.post(path, Role.INFERENCE, (context, caller) -> {
                    t.uploads().pace().asks(caller.tenant());
                    endpoint.handle(new HttpExchange(context, caller));
                }));
        table.get("/v1/responses/:response", Role.INFERENCE, Routes::notStored);
        table.delete("/v1/responses/:response", Role.INFERENCE, Routes::notStored);
        table.get("/v1/models", Role.INFERENCE, models::list);
        table.get("/v1/models/*", Role.INFERENCE, models::get);
        table.delete("/v1/models/:model", Role.FINETUNE, models::delete);
        table.post("/tokenize", Role.INFERENCE, tokens::tokenize);
        table.post("/detokenize", Role.INFERENCE, tokens::detokenize);
        table.form("/v1/files", Role.INFERENCE, files::upload);
        table.get("/v1/files", Role.INFERENCE, files::list);
        table.get("/v1/files/:file", Role.INFERENCE, files::get);
        table.get("/v1/files/:file/content", Role.INFERENCE, files::content);
        table.delete("/v1/files/:file", Role.INFERENCE, files::delete);
        table.post("/v1/batches", Role.INFERENCE, batches::create);
        table.get("/v1/batches", Role.INFERENCE, batches::list);
        table.get("/v1/batches/:batch", Role.INFERENCE, batches::get);
        table.post("/v1/batches/:batch/cancel", Role.INFERENCE, batches::cancel);
        table.post("/v1/fine_tuning/jobs", Role.FINETUNE, jobs::create);
        table.post("/v1/fine_tuning/jobs/dry_run", Role.FINETUNE, jobs::dryRun);
        table.get("/v1/fine_tuning/jobs", Role.FINETUNE, jobs::list);
        table.get("/v1/fine_tuning/jobs/:job", Role.FINETUNE, jobs::get);
        table.delete("/v1/fine_tuning/jobs/:job", Role.FINETUNE, jobs::delete);
        table.get("/v1/fine_tuning/jobs/:job/events", Role.FINETUNE, jobs::events);
        table.get("/v1/fine_tuning/jobs/:job/checkpoints", Role.FINETUNE, jobs::checkpoints);
        table.post("/v1/fine_tuning/jobs/:job/cancel", Role.FINETUNE, jobs::cancel);
        table.post("/v1/fine_tuning/jobs/:job/pause", Role.FINETUNE, jobs::pause);
        table.post("/v1/fine_tuning/jobs/:job/resume", Role.FINETUNE, jobs::resume);
        table.formOrJson("/v1/adapters", Role.FINETUNE, making::upload, making::create);
        table.get("/v1/adapters", Role.INFERENCE, adapters::list);
        table.post("/v1/adapters/merge", Role.FINETUNE, making::merge);
        table.post("/v1/adapters/compare", Role.FINETUNE, making::compare);
        table.get("/v1/adapters/:id", Role.INFERENCE, adapters::get);
        table.delete("/v1/adapters/:id", Role.FINETUNE, adapters::delete);
        table.get("/v1/adapters/:id/export", Role.FINETUNE, making::export);
        table.post("/v1/adapters/:id/compress", Role.FINETUNE, making::compress);
        table.post("/v1/adapters/:id/pin", Role.FINETUNE, adapters::pin);
        table.post("/v1/adapters/:id/labels", Role.FINETUNE, adapters::label);
        table.post("/v1/adapters/:id/share", Role.ADMIN, adapters::share);
        table.post("/v1/adapters/:id/rollback", Role.FINETUNE, adapters::rollBack);
        table.post("/v1/adapters/:id/canary", Role.FINETUNE, adapters::canary);
        table.post("/v1/load_lora_adapter", Role.FINETUNE, lora::load);
        table.post("/v1/unload_lora_adapter", Role.FINETUNE, lora::unload);
        organization(table, t);
        table.get("/metrics", Role.INFERENCE, (context, caller) -> metrics(context, caller, t.metrics()));
        table.get("/", Role.INFERENCE, (context, caller) -> index(context, router));
        description.describe(router, served(t));
        OtherMethods.addTo(router);
        router.route().failureHandler(context -> ErrorMapper.handle(context, 500));
        // Failures of the router itself, before it has found a route.
        IntStream.range(400, 600)
                .forEach(status -> router.errorHandler(status, context -> ErrorMapper.handle(context, status)));
        return router;
    }

    private static void organization(Table table, Targets t) {
        OrganizationHandler organization = new OrganizationHandler(t.tenants());
        UsageHandler usage = new UsageHandler(t.tenants(), t.usage());
        table.post("/v1/organization/projects", Role.ADMIN, organization::create);
        table.get("/v1/organization/projects", Role.ADMIN, organization::list);
        table.get("/v1/organization/projects/:project", Role.ADMIN, organization::get);
        table.post("/v1/organization/projects/:project", Role.ADMIN, organization::modify);
        table.post("/v1/organization/projects/:project/archive", Role.ADMIN, organization::archive);
        table.post("/v1/organization/projects/:project/api_keys", Role.ADMIN, organization::createKey);
        table.get("/v1/organization/projects/:project/api_keys", Role.ADMIN, organization::listKeys);
        table.get("/v1/organization/projects/:project/api_keys/:key", Role.ADMIN, organization::getKey);
        table.delete("/v1/organization/projects/:project/api_keys/:key", Role.ADMIN, organization::deleteKey);
        table.get("/v1/organization/usage/completions", Role.ADMIN, usage::completions);
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

    /** They count what all tenants do, so only those who run the server see them. */
    private static void metrics(RoutingContext context, Principal caller, Supplier<String> text) {
        caller.requireDefaultTenant();
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
                t.model().name(), t.model().bounds(), t.version(), t.tenants().locked());
    }

    private static void notStored(RoutingContext context, Principal caller) {
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
        private final Uploads uploads;
        private final TextWork text;
        private final BodyDeadline deadline;
        private final JsonBodies typed;
        private final BodyHandler body;

        Table(Router router, HttpConfig http, Uploads uploads, TextWork text) {
            this.router = router;
            this.http = http;
            this.uploads = uploads;
            this.text = text;
            this.deadline = new BodyDeadline(http.limits());
            this.typed = new JsonBodies(deadline);
            this.body = BodyHandler.create(false).setBodyLimit(http.maxBodyBytes());
        }

        /** Without a caller. */
        void open(String path, Handler<RoutingContext> handler) {
            router.get(path).handler(handler);
            router.head(path).handler(handler);
        }

        void get(String path, Role role, TenantRoute handler) {
            add(router.get(path), role, handler);
            add(router.head(path), role, handler);
        }

        void delete(String path, Role role, TenantRoute handler) {
            add(router.delete(path), role, handler);
        }

        private static void add(Route route, Role role, TenantRoute handler) {
            audit(route, role).handler(KeyHandler.requiring(role)).handler(called(handler));
        }

        private static Handler<RoutingContext> called(TenantRoute handler) {
            return context -> handler.handle(context, traced(context));
        }

        private static Principal traced(RoutingContext context) {
            Principal caller = KeyHandler.caller(context);
            RequestSpan.describe(
                    context.request().method().name(),
                    OtherMethods.pattern(context.currentRoute()),
                    caller.tenant().value(),
                    RequestIds.of(context.request()));
            return caller;
        }

        /** What only admins may is written down, whether they may or not. */
        private static Route audit(Route route, Role role) {
            return role == Role.ADMIN ? route.handler(AuditLog.follow()) : route;
        }

        void post(String path, Role role, TenantRoute handler) {
            audit(router.post(path), role)
                    .handler(KeyHandler.requiring(role))
                    .handler(typed)
                    .handler(body)
                    .handler(text::parse)
                    .handler(called(handler))
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

        void form(String path, Role role, TenantRoute.WithUpload handler) {
            router.post(path).handler(KeyHandler.requiring(role)).handler(uploads(handler));
        }

        private UploadHandler uploads(TenantRoute.WithUpload handler) {
            return new UploadHandler(
                    uploads.directory(),
                    http.maxUploadBytes(),
                    deadline,
                    uploads.pace(),
                    (context, upload) -> handler.handle(context, traced(context), upload));
        }

        void formOrJson(String path, Role role, TenantRoute.WithUpload form, TenantRoute json) {
            UploadHandler upload = uploads(form);
            router.post(path).handler(KeyHandler.requiring(role)).handler(context -> {
                if (UploadHandler.isForm(context.request())) {
                    upload.handle(context);
                } else {
                    context.next();
                }
            });
            post(path, role, json);
        }
    }
}
