package io.tandem.server.dataset;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.dataset.DatasetReader.Limits;
import io.tandem.server.text.ServedModel;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;

/** A dataset of lines that come one by one and are in no file yet. Those that a file could not have are left out. */
public final class GrowingDataset {
    private final DatasetDraft draft;

    /**
     * @param maxTokens of an example
     * @param mostTokens of all examples together, at most {@link DatasetReader#MAX_TOKENS}
     */
    public GrowingDataset(ServedModel model, int maxTokens, TextRules rules, long mostTokens) {
        this(model, rules, Limits.of(maxTokens, Math.min(mostTokens, DatasetReader.MAX_TOKENS)));
    }

    GrowingDataset(ServedModel model, TextRules rules, Limits limits) {
        this.draft = new DatasetDraft(new ExampleEncoder(model, rules, limits), rules.truncate(), Set.of(), limits);
    }

    /** Adds a line, if it can be trained on and there is room for it; returns whether it did. */
    public boolean add(String line) throws IOException {
        ExampleSource source = ExampleSource.open(new ByteArrayInputStream(line.getBytes(StandardCharsets.UTF_8)));
        try {
            Optional<JsonNode> example = source.next();
            if (example.isEmpty()) {
                return false;
            }
            LineFormat format = LineFormat.of(example.get());
            draft.add(source.number(), format, format.parse(example.get()));
            return true;
        } catch (RejectedLine e) {
            return false;
        }
    }

    /** Whether a line found no room; no other one does then. */
    public boolean isFull() {
        return draft.isFull();
    }

    /** All that was added; at least one line was. */
    public Dataset dataset() {
        return (Dataset) draft.finish();
    }
}
