package io.tandem.server.dataset;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.text.ServedModel;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import java.util.Set;

/**
 * Reads training files: JSON lines, a JSON array, or CSV. An example has one of the shapes of {@link LineFormat}; a file
 * has either preference pairs or others. If there are controls to choose from every example names one.
 */
public final class DatasetReader {
    /** A {@link Dataset} or an {@link InvalidDataset}. */
    public sealed interface Result permits Dataset, InvalidDataset {}

    /**
     * What a file may have.
     *
     * @param sequenceTokens of an example, or of each sequence of a preference pair
     * @param examples in the file
     * @param tokens of all sequences together; a token takes 8 bytes of memory
     * @param renderedMessages by the chat template; each takes some microseconds, and a chat's answers render its
     *     beginning again and again
     */
    record Limits(int sequenceTokens, int examples, long tokens, long renderedMessages) {
        /** Those of every file but for its tokens. */
        static Limits of(int sequenceTokens, long tokens) {
            return new Limits(sequenceTokens, MAX_EXAMPLES, tokens, MAX_RENDERED_MESSAGES);
        }
    }

    /** Examples of a file. */
    public static final int MAX_EXAMPLES = 1_000_000;
    /** Tokens of a file's examples together. */
    public static final long MAX_TOKENS = 1 << 26;

    private static final long MAX_RENDERED_MESSAGES = 1 << 26;

    private final ServedModel model;
    private final TextRules rules;
    private final Set<String> controls;
    private final Limits limits;

    /**
     * @param maxTokens of an example, or of each sequence of a preference pair
     * @param controls labels; may be empty
     */
    public DatasetReader(ServedModel model, int maxTokens, TextRules rules, Set<String> controls) {
        this(model, rules, controls, Limits.of(maxTokens, MAX_TOKENS));
    }

    DatasetReader(ServedModel model, TextRules rules, Set<String> controls, Limits limits) {
        this.model = model;
        this.rules = rules;
        this.controls = controls;
        this.limits = limits;
    }

    /**
     * Reads to the end, so that a client sees more than its first mistake.
     *
     * @param file is not closed
     */
    public Result read(InputStream file) throws IOException {
        DatasetDraft draft =
                new DatasetDraft(new ExampleEncoder(model, rules, limits), rules.truncate(), controls, limits);
        ExampleSource source = ExampleSource.open(file);
        boolean more = true;
        while (more && !draft.isFull()) {
            try {
                Optional<JsonNode> example = source.next();
                more = example.isPresent();
                if (more) {
                    LineFormat format = LineFormat.of(example.get());
                    draft.add(source.number(), format, format.parse(example.get()));
                }
            } catch (RejectedLine e) {
                draft.reject(source.number(), String.valueOf(e.getMessage()));
            }
        }
        return draft.finish();
    }
}
