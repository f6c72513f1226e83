package io.tandem.server.finetune.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.server.api.TenantId;
import io.tandem.server.dataset.Dataset;
import io.tandem.server.dataset.DatasetReader;
import io.tandem.server.finetune.data.JobData;
import io.tandem.server.finetune.data.TrainingSetup;
import io.tandem.server.finetune.distill.Distillation.Wanted;
import io.tandem.server.finetune.distill.DistilledFile;
import io.tandem.server.finetune.results.JobEnds;
import io.tandem.server.finetune.results.JobResults;
import io.tandem.server.finetune.state.JobObject;
import io.tandem.server.finetune.writing.Author;
import io.tandem.server.finetune.writing.WritingSource;
import io.tandem.server.finetune.writing.WrittenFile;
import io.tandem.server.storage.JobStore;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/** What stands for the file of a job that has learned it. */
record JobDistilling(TrainingSetup setup, JobResults results, Function<TenantId, WritingSource> sources) {
    /**
     * What is left of a job while it writes.
     *
     * @param job as it is now
     * @param last after its last step
     * @param longestTokens of an example that it has learned
     */
    record Writing(
            ObjectNode job,
            Wanted wanted,
            JobCheckpoint last,
            List<AdapterVersion> under,
            long seed,
            int longestTokens) {
        /** @param work whose last checkpoint is there */
        static Writing of(ObjectNode job, Wanted wanted, FinetuneJob work, JobData data) {
            return new Writing(
                    job,
                    wanted,
                    work.resumeFrom().orElseThrow(),
                    work.under(),
                    work.settings().seed(),
                    data.trainingSet().summary().longestTokens());
        }
    }

    /**
     * Chooses lines of the file.
     *
     * @param job as it is now
     * @param work whose last checkpoint is there
     */
    DistilledFile select(ObjectNode job, Wanted wanted, FinetuneJob work, JobData data) throws IOException {
        return DistilledFile.write(
                wanted,
                (Dataset.Supervised) data.trainingSet(),
                work.resumeFrom().orElseThrow().trajectories(),
                work.settings().seed(),
                () -> training(job, results),
                (name, content) -> results.scratch(job, name, content));
    }

    /**
     * Waits until other lines are written; an interruption ends it.
     *
     * @param progress told how far it is
     */
    DistilledFile write(Writing writing, Consumer<String> progress) throws IOException {
        ObjectNode job = writing.job();
        Adapter learned = JobEnds.outcome(writing.last()).adapter();
        Author author =
                new Author(setup.model(), writing.under(), results.learned(job, learned), JobObject.account(job));
        return WrittenFile.write(
                new WrittenFile.Task(
                        writing.wanted(), writing.seed(), writing.longestTokens(), DatasetReader.MAX_TOKENS),
                author,
                new Files(job, results, progress),
                sources.apply(JobObject.tenant(job)));
    }

    private static InputStream training(ObjectNode job, JobResults results) throws IOException {
        String file = JobObject.spec(job).trainingFile();
        return Channels.newInputStream(
                results.open(job, file).orElseThrow(() -> JobData.missing("training_file", file)));
    }

    private record Files(ObjectNode job, JobResults results, Consumer<String> progress) implements WrittenFile.Job {
        @Override
        public InputStream training() throws IOException {
            return JobDistilling.training(job, results);
        }

        @Override
        public List<String> written() throws IOException {
            return results.jobs().writtenLines(JobObject.id(job));
        }

        @Override
        public void append(String line) throws IOException {
            results.jobs().appendWritten(JobObject.id(job), line);
        }

        @Override
        public Path write(String name, JobStore.Content content) throws IOException {
            return results.scratch(job, name, content);
        }

        @Override
        public void say(String message) {
            progress.accept(message);
        }
    }
}
