package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.finetune.JobSink.JobOutcome.Succeeded;
import io.tandem.server.finetune.search.FrontFigure;
import io.tandem.server.finetune.search.SearchTable;
import io.tandem.server.finetune.search.Trial;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Makes the best trial of a search its job's model, and the trials a table and a figure. For the jobs' thread. */
record SearchEnd(JobBook book, JobResults results) {
    /** @throws IOException if a storage is away for now */
    void conclude(ObjectNode job) throws IOException {
        List<Trial> trials = SearchProgress.read(job);
        Optional<Trial> best = SearchTable.best(trials);
        if (best.isPresent()) {
            book.succeed(job, "The adapter", () -> keep(job, trials, best.get()));
        } else {
            book.end(job, JobObject.FAILED, "all trials of the search failed; the job's events say why");
        }
    }

    private String keep(ObjectNode job, List<Trial> trials, Trial best) throws IOException {
        Trial.Evaluation evaluation = best.best().orElseThrow();
        Adapter adapter = results.trialAdapter(job, best.number(), evaluation.steps());
        Succeeded outcome = new Succeeded(adapter, evaluation.steps(), false);
        String name = results.succeed(job, outcome, results.frozen(job).under());
        keepTables(job, trials);
        return String.format(
                Locale.ROOT,
                "The search has ended; the new model is '%s', trial %d (%s) after step %d with validation loss %.4f.",
                name,
                best.number(),
                best.configuration(),
                evaluation.steps(),
                evaluation.loss().orElseThrow());
    }

    private void keepTables(ObjectNode job, List<Trial> trials) {
        try {
            results.file(job, "trials.csv", SearchTable.csv(trials), book.now());
            results.file(job, "pareto.svg", FrontFigure.svg(trials), book.now());
        } catch (IOException e) {
            book.sayFilesMissing(job, e);
        }
    }
}
