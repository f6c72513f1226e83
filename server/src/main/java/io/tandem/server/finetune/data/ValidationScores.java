package io.tandem.server.finetune.data;

import io.tandem.scheduler.JobEngine;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.finetune.Objective;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.scheduler.finetune.Trajectories;
import io.tandem.server.adapter.AdapterValidation;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ObjectIds;
import io.tandem.server.dataset.DatasetReader;
import io.tandem.server.dataset.TextRules;
import io.tandem.server.storage.FileStore;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;

/** Measures adapters as the engine measures the validation files of jobs: in windows beside everything else. */
public final class ValidationScores implements AdapterValidation {
    private static final String FIELD = "validation_file";

    private final JobEngine engine;
    private final TrainingSetup setup;
    private final FileStore files;

    public ValidationScores(JobEngine engine, TrainingSetup setup, FileStore files) {
        this.engine = engine;
        this.setup = setup;
        this.files = files;
    }

    @Override
    public Function<List<AdapterVersion>, Scores> scores(String file) throws IOException {
        DatasetReader reader = new DatasetReader(setup.model(), setup.maxExampleTokens(), TextRules.DEFAULT, Set.of());
        List<Example> texts = JobData.examples(
                JobData.dataset(FIELD, file, new Objective.Supervised(), files::open, reader), Map.of());
        return adapters -> scores(adapters, texts);
    }

    private Scores scores(List<AdapterVersion> adapters, List<Example> texts) {
        FinetuneJob job = FinetuneJob.measuring(ObjectIds.kept("measure-"), adapters, texts);
        setup.device().requireFits(FIELD, job.method(), job.settings().optimizer());
        Measurement measurement = new Measurement();
        engine.submit(job, measurement).ifPresent(rejection -> {
            throw refusal(rejection);
        });
        try {
            return measurement.scores.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof ApiException api ? api : e;
        }
    }

    private static ApiException refusal(Rejection rejection) {
        return switch (rejection.reason()) {
            case QUEUE_FULL -> ApiException.tooMany(rejection.message());
            case SHUTTING_DOWN -> ApiException.shuttingDown();
            default -> ApiException.invalid(FIELD, "'" + FIELD + "': " + rejection.message() + ".");
        };
    }

    /** Waits for the one measurement. */
    private static final class Measurement implements JobSink {
        private final CompletableFuture<Scores> scores = new CompletableFuture<>();
        private Scores measured = Scores.NONE;

        @Override
        public void start() {}

        @Override
        public void step(StepReport report) {}

        @Override
        public void found(Found findings) {}

        @Override
        public void pruned(Pruned pruned) {}

        @Override
        public void measured(Measured found) {
            measured = found.scores();
        }

        @Override
        public void examined(Trajectories trajectories) {}

        @Override
        public void grew(Grown grown) {}

        @Override
        public void checkpoint(JobCheckpoint checkpoint) {}

        @Override
        public void finish(JobOutcome outcome) {
            if (outcome instanceof JobOutcome.OnlyMeasured) {
                scores.complete(measured);
            } else if (outcome instanceof JobOutcome.Failed failed) {
                scores.completeExceptionally(new ApiException(
                        500,
                        "server_error",
                        FIELD,
                        "measurement_failed",
                        "The loss was not measured: " + failed.message()));
            } else {
                scores.completeExceptionally(ApiException.shuttingDown());
            }
        }
    }
}
