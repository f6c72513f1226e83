package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.finetune.JobService;
import io.tandem.server.tenant.Principal;
import io.vertx.ext.web.RoutingContext;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code /v1/fine_tuning/jobs}. */
final class FineTuningJobsHandler {
    private static final int PAGE = 20;
    private static final Pattern METADATA = Pattern.compile("metadata\\[(.*)]");
    private static final int CHECKPOINTS_PAGE = 10;

    private final JobService jobs;

    FineTuningJobsHandler(JobService jobs) {
        this.jobs = jobs;
    }

    void create(RoutingContext context, Principal caller) {
        Json.answer(context, jobs.create(caller.tenant(), Json.body(context)));
    }

    void dryRun(RoutingContext context, Principal caller) {
        CompletableFuture<ObjectNode> answer = jobs.dryRun(caller.tenant(), Json.body(context));
        context.response().closeHandler(gone -> answer.cancel(true));
        Json.answer(context, answer);
    }

    void get(RoutingContext context, Principal caller) {
        Json.answer(context, jobs.get(caller.tenant(), context.pathParam("job")));
    }

    /** All jobs, or with {@code metadata[key]=value} those that have all these pairs. */
    void list(RoutingContext context, Principal caller) {
        Json.requireKnown(context, "metadata[]", "metadata");
        Predicate<ObjectNode> wanted = metadata(context);
        Json.answer(
                context,
                jobs.list(caller.tenant())
                        .thenApply(all ->
                                Json.page(context, all.stream().filter(wanted).toList(), PAGE)));
    }

    private static Predicate<ObjectNode> metadata(RoutingContext context) {
        Predicate<ObjectNode> wanted = job -> true;
        for (Map.Entry<String, String> filter : context.queryParams()) {
            Matcher pair = METADATA.matcher(filter.getKey());
            if (pair.matches()) {
                String key = pair.group(1);
                wanted = wanted.and(
                        job -> job.path("metadata").path(key).asText("").equals(filter.getValue())
                                && job.path("metadata").has(key));
            } else if (filter.getKey().equals("metadata")) {
                if (!filter.getValue().equals("null")) {
                    throw ApiException.invalid(
                            "metadata", "'metadata' must be 'null'; name a pair with 'metadata[key]=value'.");
                }
                wanted = wanted.and(job -> job.path("metadata").isEmpty());
            }
        }
        return wanted;
    }

    void events(RoutingContext context, Principal caller) {
        Json.requireKnown(context);
        int limit = Json.limit(context, PAGE);
        Json.answer(
                context,
                jobs.events(
                                caller.tenant(),
                                context.pathParam("job"),
                                context.request().getParam("after"),
                                limit + 1)
                        .thenApply(events -> Json.page(events, limit)));
    }

    void checkpoints(RoutingContext context, Principal caller) {
        Json.requireKnown(context);
        Json.answer(
                context,
                jobs.checkpoints(caller.tenant(), context.pathParam("job"))
                        .thenApply(all -> Json.page(context, all, CHECKPOINTS_PAGE)));
    }

    void pause(RoutingContext context, Principal caller) {
        Json.answer(context, jobs.pause(caller.tenant(), context.pathParam("job")));
    }

    void resume(RoutingContext context, Principal caller) {
        Json.answer(context, jobs.resume(caller.tenant(), context.pathParam("job")));
    }

    void delete(RoutingContext context, Principal caller) {
        Json.answer(context, jobs.delete(caller.tenant(), context.pathParam("job")));
    }

    void cancel(RoutingContext context, Principal caller) {
        Json.answer(context, jobs.cancel(caller.tenant(), context.pathParam("job")));
    }
}
