package io.tandem.server.finetune.run;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.server.finetune.request.JobSearch;
import io.tandem.server.finetune.request.JobSpec;
import io.tandem.server.finetune.search.Configuration;
import io.tandem.server.finetune.search.Halving.Task;
import io.tandem.server.finetune.search.Proposals;
import io.tandem.server.finetune.search.Trial;
import java.util.List;
import java.util.Optional;

/**
 * One training of a search's trial.
 *
 * @param trial as it was before
 * @param task how far it is trained now
 */
record TrialTask(JobSearch search, Trial trial, Task task) {

    /**
     * The next one of a search; empty if it is over. The same trials have the same next one, so a search that was interrupted
     * goes on where it was.
     */
    static Optional<TrialTask> next(JobSearch search, List<Trial> tried, long seed, ModelConfig model) {
        return search.halving().next(tried).map(task -> {
            Trial trial =
                    task.trial() <= tried.size() ? tried.get(task.trial() - 1) : proposed(search, tried, seed, model);
            return new TrialTask(search, trial, task);
        });
    }

    private static Trial proposed(JobSearch search, List<Trial> tried, long seed, ModelConfig model) {
        Configuration configuration =
                new Proposals(search.space(), search.halving().trials(), seed).next(tried);
        long parameters = search.spec(configuration).method().parameters(model).sum();
        return new Trial(tried.size() + 1, configuration, parameters, List.of());
    }

    /** Of all rungs; the task is its beginning. */
    JobSpec spec() {
        return search.spec(trial.configuration());
    }

    /** As in "Trial 3/16 (peft=dora, rank=4)". */
    @Override
    public String toString() {
        return "Trial " + trial.number() + "/" + search.halving().trials() + " (" + trial.configuration() + ")";
    }
}
