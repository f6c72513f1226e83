package io.tandem.server.text;

import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads OpenAI's JSON lines for fine-tuning: chats, or prompts with completions. */
public final class TrainingExamples {
    /** {@link Parsed} or {@link InvalidExamples}. */
    public sealed interface Result permits Parsed, InvalidExamples {}

    /** All lines are right. */
    public record Parsed(List<Sequence> sequences) implements Result {
        public Parsed {
            sequences = List.copyOf(sequences);
        }
    }

    private static final int MAX_REASONS = 10;
    private static final int MAX_LINE_CHARS = 4 << 20;

    private final ServedModel model;
    private final int maxTokens;

    public TrainingExamples(ServedModel model, int maxTokens) {
        this.model = model;
        this.maxTokens = maxTokens;
    }

    /** Reads to the end, so that a client sees more than its first mistake. Blank lines at the end do not matter. */
    public Result parse(Reader file) throws IOException {
        ExampleLine lines = new ExampleLine(model, maxTokens);
        List<Sequence> sequences = new ArrayList<>();
        List<String> reasons = new ArrayList<>();
        int wrong = 0;
        int number = 0;
        int blank = 0;
        BufferedReader reader = new BufferedReader(file);
        for (Optional<String> line = line(reader); line.isPresent(); line = line(reader)) {
            number++;
            if (line.get().isBlank()) {
                blank = blank == 0 ? number : blank;
                continue;
            }
            try {
                if (blank > 0) {
                    throw new ExampleLine.Rejected("line " + blank + " before it is empty");
                }
                sequences.add(sequence(lines, line.get()));
            } catch (ExampleLine.Rejected e) {
                wrong++;
                if (reasons.size() < MAX_REASONS) {
                    reasons.add("line " + number + ": " + e.getMessage());
                }
            }
            blank = 0;
        }
        if (wrong == 0 && sequences.isEmpty()) {
            return new InvalidExamples(1, List.of("the file has no examples"));
        }
        return wrong == 0 ? new Parsed(sequences) : new InvalidExamples(wrong, reasons);
    }

    private Sequence sequence(ExampleLine lines, String line) {
        if (line.length() > MAX_LINE_CHARS) {
            throw new ExampleLine.Rejected("is longer than " + MAX_LINE_CHARS + " characters");
        }
        LearnedText text = lines.read(line);
        return labelled(text.tokens(), text.learned());
    }

    private static Sequence labelled(int[] tokens, boolean[] learned) {
        int[] labels = new int[tokens.length];
        boolean any = false;
        for (int t = 0; t < tokens.length; t++) {
            boolean next = t + 1 < tokens.length && learned[t + 1];
            labels[t] = next ? tokens[t + 1] : TrainingPack.IGNORED;
            any |= next;
        }
        if (!any) {
            throw new ExampleLine.Rejected("has nothing to learn");
        }
        return new Sequence(tokens, labels);
    }

    /** The next line, cut one past the limit: a file without line ends must not fill the memory. */
    private static Optional<String> line(BufferedReader reader) throws IOException {
        StringBuilder line = new StringBuilder();
        int c = reader.read();
        if (c < 0) {
            return Optional.empty();
        }
        for (; c >= 0 && c != '\n'; c = reader.read()) {
            if (line.length() <= MAX_LINE_CHARS) {
                line.append((char) c);
            }
        }
        return Optional.of(line.toString());
    }
}
