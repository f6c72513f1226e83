package io.tandem.kernels.pretrain;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Exact match per skill on held-out questions, and perplexity of stories from a seed that training does not use. */
final class Evaluation {
    private static final int MAX_ANSWER_TOKENS = 28;
    private static final int BATCH = 64;
    private static final int STORY_ROWS = 16;
    private static final int STORY_LENGTH = 256;
    private static final int STORY_BATCHES = 4;

    private final SampleModel model;
    private final BpeTokenizer tokenizer;

    Evaluation(SampleModel model, BpeTokenizer tokenizer) {
        this.model = model;
        this.tokenizer = tokenizer;
    }

    /** Share of right answers for each skill. */
    Map<String, Double> exactMatch(Map<String, List<Question>> questions) {
        Map<String, Double> scores = new TreeMap<>();
        questions.forEach((skill, asked) -> {
            List<String> prompts = asked.stream()
                    .map(question -> Corpus.prompt(question.prompt()))
                    .toList();
            List<String> answers = complete(prompts, MAX_ANSWER_TOKENS);
            long right = 0;
            for (int i = 0; i < asked.size(); i++) {
                right += answers.get(i).equals(asked.get(i).answer()) ? 1 : 0;
            }
            scores.put(skill, right / (double) asked.size());
        });
        return scores;
    }

    /** Greedy continuations, up to the first stop token. */
    List<String> complete(List<String> prompts, int maxTokens) {
        List<String> answers = new ArrayList<>();
        for (int begin = 0; begin < prompts.size(); begin += BATCH) {
            answers.addAll(completeBatch(prompts.subList(begin, Math.min(prompts.size(), begin + BATCH)), maxTokens));
        }
        return answers;
    }

    /** exp of the mean loss per token. */
    double storyPerplexity(Corpus corpus, long seed) {
        Draw draw = new Draw(seed);
        double sum = 0;
        long tokens = 0;
        for (int batch = 0; batch < STORY_BATCHES; batch++) {
            long[] ids = new long[STORY_ROWS * (STORY_LENGTH + 1)];
            for (int row = 0; row < STORY_ROWS; row++) {
                Ids text = new Ids();
                while (text.size() <= STORY_LENGTH) {
                    text.addAll(tokenizer.encode(corpus.story(draw)));
                }
                for (int i = 0; i <= STORY_LENGTH; i++) {
                    ids[row * (STORY_LENGTH + 1) + i] = text.toArray()[i];
                }
            }
            sum += model.lossSum(ids, STORY_ROWS);
            tokens += (long) STORY_ROWS * STORY_LENGTH;
        }
        return Math.exp(sum / tokens);
    }

    private List<String> completeBatch(List<String> prompts, int maxTokens) {
        List<int[]> encoded = prompts.stream().map(tokenizer::encode).toList();
        int width = encoded.stream().mapToInt(ids -> ids.length).max().orElseThrow() + maxTokens;
        long[] ids = new long[prompts.size() * width];
        long[] lengths = new long[prompts.size()];
        for (int row = 0; row < lengths.length; row++) {
            lengths[row] = encoded.get(row).length;
            for (int i = 0; i < lengths[row]; i++) {
                ids[row * width + i] = encoded.get(row)[i];
            }
        }
        long[] filled = model.generate(ids, lengths, maxTokens);
        List<String> answers = new ArrayList<>();
        for (int row = 0; row < lengths.length; row++) {
            int begin = row * width + (int) lengths[row];
            int[] answer = Arrays.stream(filled, begin, begin + maxTokens)
                    .takeWhile(id ->
                            id != BpeTokenizer.special(Corpus.END) && id != BpeTokenizer.special(Corpus.END_OF_TEXT))
                    .mapToInt(id -> (int) id)
                    .toArray();
            answers.add(tokenizer.decode(answer));
        }
        return answers;
    }
}
