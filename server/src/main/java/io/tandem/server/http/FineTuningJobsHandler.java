package io.tandem.server.http;

import io.tandem.server.finetune.JobService;
import io.vertx.ext.web.RoutingContext;

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
        Json.answer(context, jobs.dryRun(Json.body(context)));
    }

    void get(RoutingContext context) {
        Json.answer(context, jobs.get(context.pathParam("job")));
    }

    void list(RoutingContext context) {
        Json.answer(context, jobs.list().thenApply(all -> Json.page(context, all, PAGE)));
    }

    void events(RoutingContext context) {
        Json.answer(context, jobs.events(context.pathParam("job")).thenApply(all -> Json.page(context, all, PAGE)));
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
