package io.tandem.server.finetune.results;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.finetune.JobSink.JobOutcome.Succeeded;
import io.tandem.server.finetune.search.FrontFigure;
import io.tandem.server.finetune.search.SearchTable;
import io.tandem.server.finetune.search.Trial;
import io.tandem.server.finetune.state.JobBook;
import java.io.IOException;
import java.util.List;
import java.util.Locale;

/** The best trial of a search as a model, and the trials as a table and a figure. */
record SearchEnd(JobBook book, JobResults results, List<Trial> trials, Trial best) implements JobEnd {
    @Override
    public String what() {
        return "The adapter";
    }

    @Override
    public String keep(ObjectNode job) throws IOException {
        Trial.Evaluation evaluation = best.best().orElseThrow();
        Adapter adapter = results.trialAdapter(job, best.number(), evaluation.steps());
        Succeeded outcome = new Succeeded(adapter, evaluation.steps(), false);
        String name = results.succeed(job, outcome, results.frozen(job).under());
        // It may have come so far before.
        job.putArray("result_files");
        new Reports(book).keep(job, () -> {
            results.file(job, "trials.csv", SearchTable.csv(trials), book.now());
            results.file(job, "pareto.svg", FrontFigure.svg(trials), book.now());
        });
        return String.format(
                Locale.ROOT,
                "The search has ended; the new model is '%s', trial %d (%s) after step %d with validation loss %.4f.",
                name,
                best.number(),
                best.configuration(),
                evaluation.steps(),
                evaluation.loss().orElseThrow());
    }
}
