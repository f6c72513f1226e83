package io.tandem.server.adapter;

import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.finetune.Scores;
import java.io.IOException;
import java.util.List;
import java.util.function.Function;

/** How well adapters do on data that a client has uploaded. */
public interface AdapterValidation {
    /**
     * Reads a validation file.
     *
     * @param file id of an uploaded file
     * @return how well adapters that answer together predict it; it waits for the engine, so it is nothing for a thread that
     *     others wait for
     * @throws io.tandem.server.api.ApiException naming {@code validation_file} if it cannot be used
     */
    Function<List<AdapterVersion>, Scores> scores(String file) throws IOException;
}
