package io.tandem.server.finetune.results;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.HeldWeights;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.made.NewBase;
import io.tandem.server.finetune.data.JobReaders;
import io.tandem.server.finetune.data.TrainingSetup;
import io.tandem.server.finetune.request.TrainingDevice;
import io.tandem.server.finetune.state.JobObject;
import io.tandem.server.storage.JobStore;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;

/**
 * Writes the base models that jobs end with. That takes as long as reading the base model, so it is done on the thread that
 * makes first weights of it, one after the other.
 *
 * @param setup whose base model was trained over
 * @param jobs in whose folders they are
 */
record BaseMaker(TrainingSetup setup, JobStore jobs, JobReaders readers) {
    /**
     * Writes the base model of a job, unless it is there already; when the future ends it survives a crash.
     *
     * @param trained the job's result
     * @return where it is: from the data directory on, or in a bucket
     */
    CompletableFuture<String> make(ObjectNode job, Adapter trained) {
        String id = JobObject.id(job);
        return readers.prepare(() -> JobReaders.whenThere(() -> write(id, trained)));
    }

    private String write(String id, Adapter trained) throws IOException {
        TrainingDevice device = setup.device();
        NewBase base = NewBase.of(setup.files(), HeldWeights.of(setup.weights().get(), device.limits()), trained);
        return jobs.base(id, directory -> base.write(directory, device.model()));
    }
}
