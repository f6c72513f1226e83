package io.tandem.server.dataset;

import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.server.dataset.Dataset.Example;
import io.tandem.server.dataset.Dataset.Pair;
import io.tandem.server.dataset.DatasetReader.Limits;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A dataset that grows line by line, and what is wrong with it. */
final class DatasetDraft {
    private static final int MAX_REASONS = 10;

    private final ExampleEncoder encoder;
    private final boolean truncate;
    private final Limits limits;
    private final SummaryCounter counter = new SummaryCounter();
    private final List<Example> examples = new ArrayList<>();
    private final List<Pair> pairs = new ArrayList<>();
    private final List<String> reasons = new ArrayList<>();
    private int wrong;
    /** Line that decided which kind of file it is; 0 before. */
    private int decided;

    private boolean preferences;
    private boolean full;

    DatasetDraft(ExampleEncoder encoder, boolean truncate, Limits limits) {
        this.encoder = encoder;
        this.truncate = truncate;
        this.limits = limits;
    }

    /** @throws RejectedLine if it cannot be trained on, or not in this file */
    void add(int number, ExampleLine line) {
        requireKind(number, line instanceof ExampleLine.Preference);
        counter.requireRoom(line.ability());
        List<Sequence> sequences = sequences(encoder.encode(line));
        requireRoom(sequences);
        counter.add(sequences, line.ability());
        // A file with a mistake is read for its other mistakes only.
        if (wrong == 0 && preferences) {
            pairs.add(new Pair(sequences.get(0), sequences.get(1), line.ability()));
        } else if (wrong == 0) {
            examples.add(new Example(sequences.get(0), line.ability()));
        }
    }

    private void requireKind(int number, boolean preference) {
        if (decided == 0) {
            decided = number;
            preferences = preference;
        }
        if (preference != preferences) {
            throw new RejectedLine(
                    (preference ? "is a preference pair, but line " : "is not a preference pair, but line ")
                            + decided
                            + (preference ? " is not" : " is"));
        }
    }

    private List<Sequence> sequences(List<LearnedText> texts) {
        boolean cut = texts.stream().anyMatch(LearnedText::isCut);
        boolean teaches = texts.stream().allMatch(LearnedText::teaches);
        String where = cut ? " in its first " + limits.sequenceTokens() + " tokens" : "";
        if (cut && teaches) {
            counter.addTruncated();
        }
        if (cut && !truncate) {
            throw new RejectedLine("has more than " + limits.sequenceTokens() + " tokens");
        }
        if (!teaches) {
            throw new RejectedLine("has nothing to learn" + where);
        }
        List<Sequence> sequences = texts.stream().map(LearnedText::sequence).toList();
        if (preferences
                && Arrays.equals(sequences.get(0).tokens(), sequences.get(1).tokens())) {
            throw new RejectedLine("has two outputs that are the same" + where);
        }
        return sequences;
    }

    /** The first that does not fit ends the reading: the file is too large whatever comes behind it. */
    private void requireRoom(List<Sequence> sequences) {
        long tokens = counter.tokens()
                + sequences.stream()
                        .mapToLong(sequence -> sequence.tokens().length)
                        .sum();
        full = counter.examples() == limits.examples() || tokens > limits.tokens();
        if (full) {
            throw new RejectedLine("the file has more than "
                    + (tokens > limits.tokens() ? limits.tokens() + " tokens" : limits.examples() + " examples"));
        }
    }

    boolean isFull() {
        return full;
    }

    void reject(int number, String reason) {
        wrong++;
        examples.clear();
        pairs.clear();
        if (reasons.size() < MAX_REASONS) {
            reasons.add("line " + number + ": " + reason);
        }
    }

    DatasetReader.Result finish() {
        DatasetSummary summary = counter.summary();
        if (wrong == 0 && summary.examples() == 0) {
            return new InvalidDataset(1, List.of("the file has no examples"), summary);
        }
        if (wrong > 0) {
            return new InvalidDataset(wrong, reasons, summary);
        }
        return preferences ? new Dataset.Preferences(pairs, summary) : new Dataset.Supervised(examples, summary);
    }
}
