package io.tandem.server.finetune.writing;

import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.server.text.ServedModel;
import java.util.List;
import java.util.stream.Stream;

/**
 * Who writes.
 *
 * @param model the base model
 * @param under the adapters that it had before it learned the file
 * @param learned what it has learned
 * @param account on which it writes
 */
public record Author(ServedModel model, List<AdapterVersion> under, AdapterVersion learned, String account) {
    /** The adapters that it writes with. */
    List<AdapterVersion> adapters() {
        return Stream.concat(under.stream(), Stream.of(learned)).toList();
    }

    /** Longest text that it can be asked for the likelihood of. */
    int maxTokens() {
        int virtual = adapters().stream()
                .mapToInt(version -> version.adapter().virtualTokens())
                .sum();
        return model.contextTokens() - virtual - 1;
    }
}
