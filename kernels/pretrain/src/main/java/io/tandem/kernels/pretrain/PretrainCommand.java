package io.tandem.kernels.pretrain;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

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

    /** Measures a model that {@link #train} wrote: perplexity, exact match per skill in both languages, sample outputs. */
    public static void evaluate(Path directory, PrintStream report) throws IOException {
        SampleModelReader read = SampleModelReader.read(directory);
        Corpus corpus = new Corpus(Words.load());
        try (SampleModel model = new SampleModel(read.shape(), SampleModel.frozen(read.weights()))) {
            Evaluation evaluation = new Evaluation(model, read.tokenizer());
            report.printf("held-out story perplexity  %.3f%n", evaluation.storyPerplexity(corpus, EVALUATION_SEED));
            Map<String, List<Question>> questions = corpus.heldOut(QUESTIONS_PER_SKILL, new Draw(EVALUATION_SEED));
            Map<String, Double> english = evaluation.exactMatch(questions);
            Map<String, List<Question>> translated = new TreeMap<>();
            questions.forEach((skill, asked) ->
                    translated.put(skill, asked.stream().map(SisterLanguage::of).toList()));
            Map<String, Double> sister = evaluation.exactMatch(translated);
            questions.forEach((skill, asked) -> report.printf(
                    "%-12s exact match %5.1f %% of %d, %5.1f %% in the sister language%n",
                    skill,
                    100 * english.getOrDefault(skill, 0.0),
                    asked.size(),
                    100 * sister.getOrDefault(skill, 0.0)));
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
