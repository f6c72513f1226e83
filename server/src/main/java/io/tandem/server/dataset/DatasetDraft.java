package io.tandem.server.dataset;

import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.server.dataset.Dataset.Example;
import io.tandem.server.dataset.Dataset.Pair;
import io.tandem.server.dataset.DatasetReader.Limits;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** A dataset that grows line by line, and what is wrong with it. */
final class DatasetDraft {
    private static final int MAX_REASONS = 10;

    private final ExampleEncoder encoder;
    private final boolean truncate;
    private final Set<String> controls;
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

    /** @param controls that lines may name, and then all do */
    DatasetDraft(ExampleEncoder encoder, boolean truncate, Set<String> controls, Limits limits) {
        this.encoder = encoder;
        this.truncate = truncate;
        this.controls = new TreeSet<>(controls);
        this.limits = limits;
    }

    /** @throws RejectedLine if it cannot be trained on, or not in this file */
    void add(int number, LineFormat format, ExampleLine line) {
        requireKind(number, line instanceof ExampleLine.Preference);
        requireControl(line.tags().control());
        counter.requireRoom(line.tags().ability());
        List<Sequence> sequences = sequences(encoder.encode(line));
        requireRoom(sequences);
        counter.add(sequences, line.tags(), format);
        // A file with a mistake is read for its other mistakes only.
        if (wrong == 0 && preferences) {
            pairs.add(new Pair(sequences.get(0), sequences.get(1), line.tags()));
        } else if (wrong == 0) {
            int at = counter.examples() - 1;
            sequences.forEach(sequence -> examples.add(new Example(at, sequence, line.tags())));
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

    private void requireControl(Optional<String> control) {
        if (control.isPresent() && controls.isEmpty()) {
            throw new RejectedLine("has the control " + control.get() + ", but no controls were given");
        }
        if (!controls.isEmpty() && control.filter(controls::contains).isEmpty()) {
            throw new RejectedLine(control.map(label -> "has the control " + label)
                            .orElse("has no control") + ", expected one of " + String.join(", ", controls));
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
            throw new RejectedLine(
                    "has more than " + limits.sequenceTokens() + " tokens; shorten it, set 'truncate', or"
                            + " raise kernels.context-tokens and kernels.pack-tokens");
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
                    + (tokens > limits.tokens() ? limits.tokens() + " tokens" : limits.examples() + " examples")
                    + "; split it");
        }
    }

    boolean isFull() {
        return full || encoder.isSpent();
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
