package io.tandem.kernels.pretrain;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** What the command line can ask of this package. */
public final class PretrainCommand {
    private static final int QUESTIONS_PER_SKILL = 200;
    private static final long EVALUATION_SEED = 1_000_003;
    private static final int STORY_TOKENS = 200;

    private PretrainCommand() {}

    /** Trains a model from nothing, or goes on with the run whose checkpoint lies in the output directory. */
    public static void train(PretrainSettings settings, PrintStream progress) throws IOException {
        new Pretrainer(settings, progress).run();
    }

    /** Measures a model that {@link #train} wrote: perplexity, exact match per skill, sample outputs. */
    public static void evaluate(Path directory, PrintStream report) throws IOException {
        SampleModelReader read = SampleModelReader.read(directory);
        Corpus corpus = new Corpus(Words.load());
        try (SampleModel model = new SampleModel(read.shape(), SampleModel.frozen(read.weights()))) {
            Evaluation evaluation = new Evaluation(model, read.tokenizer());
            report.printf("held-out story perplexity  %.3f%n", evaluation.storyPerplexity(corpus, EVALUATION_SEED));
            Map<String, List<Question>> questions = corpus.heldOut(QUESTIONS_PER_SKILL, new Draw(EVALUATION_SEED));
            evaluation
                    .exactMatch(questions)
                    .forEach((skill, score) -> report.printf(
                            "%-12s exact match %5.1f %% of %d%n",
                            skill,
                            100 * score,
                            questions.getOrDefault(skill, List.of()).size()));
            List<String> prompts = List.of(
                    "Once upon a time",
                    "Tom and Lily were good friends.",
                    Corpus.prompt("Tell me a story about a fox."),
                    Corpus.prompt("What is 7 plus 8?"),
                    Corpus.prompt("Spell the word garden."),
                    Corpus.prompt("What colour is a lemon?"));
            List<String> answers = evaluation.complete(prompts, STORY_TOKENS);
            for (int i = 0; i < prompts.size(); i++) {
                report.println("> " + prompts.get(i) + "\n" + answers.get(i));
            }
        }
    }
}
