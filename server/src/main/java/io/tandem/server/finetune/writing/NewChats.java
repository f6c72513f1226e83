package io.tandem.server.finetune.writing;

import io.tandem.server.api.ChatMessage;
import io.tandem.server.dataset.Dataset;
import io.tandem.server.dataset.GrowingDataset;
import io.tandem.server.finetune.distill.DistilledFile.Written;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Those of the written chats that are new and can be learned, in the order in which they are given, as long as a file has room. */
final class NewChats {
    private final Original original;
    private final GrowingDataset dataset;
    private final Set<ByteBuffer> seen = new HashSet<>();
    private final List<String> lines = new ArrayList<>();
    private int looked;
    private int unfinished;
    private int verbatim;
    private int repeated;

    NewChats(Original original, GrowingDataset dataset) {
        this.original = original;
        this.dataset = dataset;
    }

    /** Takes the next one, empty if it came to no end, unless it is the first without room. */
    void take(Optional<List<ChatMessage>> chat) throws IOException {
        Optional<ByteBuffer> asked = chat.map(Original::asked);
        if (asked.isEmpty()) {
            unfinished++;
        } else if (original.asks(asked.get())) {
            verbatim++;
        } else if (seen.contains(asked.get())) {
            repeated++;
        } else {
            String line = WrittenChats.json(chat.get()).toString();
            if (dataset.add(line)) {
                seen.add(asked.get());
                lines.add(line);
            } else if (isFull()) {
                return;
            } else {
                // The template may write it in another way than the model did.
                unfinished++;
            }
        }
        looked++;
    }

    /** How many it took. */
    int looked() {
        return looked;
    }

    /** Whether it takes no more. */
    boolean isFull() {
        return dataset.isFull();
    }

    Written written() {
        return new Written(looked, unfinished, verbatim, repeated);
    }

    /** As lines of a training file. */
    List<String> lines() {
        return lines;
    }

    /** As they are learned; there is at least one. */
    Dataset.Supervised dataset() {
        return (Dataset.Supervised) dataset.dataset();
    }
}
