package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.finetune.JobService;
import io.vertx.ext.web.RoutingContext;
import java.util.concurrent.CompletableFuture;

/** {@code /v1/fine_tuning/jobs}. */
final class FineTuningJobsHandler {
    private static final int PAGE = 20;
    private static final int CHECKPOINTS_PAGE = 10;

    private final JobService jobs;

    FineTuningJobsHandler(JobService jobs) {
        this.jobs = jobs;
    }

    void create(RoutingContext context) {
        Json.answer(context, jobs.create(Json.body(context)));
    }

    void dryRun(RoutingContext context) {
        CompletableFuture<ObjectNode> answer = jobs.dryRun(Json.body(context));
        context.response().closeHandler(gone -> answer.cancel(true));
        Json.answer(context, answer);
    }

    void get(RoutingContext context) {
        Json.answer(context, jobs.get(context.pathParam("job")));
    }

    void list(RoutingContext context) {
        Json.answer(context, jobs.list().thenApply(all -> Json.page(context, all, PAGE)));
    }

    void events(RoutingContext context) {
        int limit = Json.limit(context, PAGE);
        Json.answer(
                context,
                jobs.events(context.pathParam("job"), context.request().getParam("after"), limit + 1)
                        .thenApply(events -> Json.page(events, 0, limit)));
    }

    void checkpoints(RoutingContext context) {
        Json.answer(
                context,
                jobs.checkpoints(context.pathParam("job")).thenApply(all -> Json.page(context, all, CHECKPOINTS_PAGE)));
    }

    void pause(RoutingContext context) {
        Json.answer(context, jobs.pause(context.pathParam("job")));
    }

    void resume(RoutingContext context) {
        Json.answer(context, jobs.resume(context.pathParam("job")));
    }

    void delete(RoutingContext context) {
        Json.answer(context, jobs.delete(context.pathParam("job")));
    }

    void cancel(RoutingContext context) {
        Json.answer(context, jobs.cancel(context.pathParam("job")));
    }
}
