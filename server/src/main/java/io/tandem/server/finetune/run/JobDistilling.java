package io.tandem.server.finetune.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.server.dataset.Dataset;
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

/** What stands for the file of a job that has learned it. */
record JobDistilling(TrainingSetup setup, JobResults results, WritingSource source) {

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
     * @param job as it is now
     * @param work whose last checkpoint is there
     * @param progress told how far it is
     */
    DistilledFile write(ObjectNode job, Wanted wanted, FinetuneJob work, JobData data, Consumer<String> progress)
            throws IOException {
        Adapter learned = JobEnds.outcome(work.resumeFrom().orElseThrow()).adapter();
        Author author = new Author(setup.model(), work.under(), results.learned(job, learned), JobObject.account(job));
        WrittenFile.Task task = new WrittenFile.Task(
                wanted, work.settings().seed(), data.trainingSet().summary().longestTokens());
        return WrittenFile.write(
                task,
                author,
                new Files(job, results, progress),
                source.tokens().apply(JobObject.tenant(job)),
                source.nextRequestId());
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
