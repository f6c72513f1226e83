package io.tandem.server.adapter;

import io.tandem.scheduler.adapter.AdapterVersion;
import java.io.IOException;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** How well adapters do on data that a client has uploaded. */
public interface AdapterValidation {
    /**
     * Reads a validation file.
     *
     * @param file id of an uploaded file
     * @return the mean loss per learned token, in nats, of adapters that answer together; it waits for the engine, so it is
     *     nothing for a thread that others wait for. NaN if the loss is not a number
     * @throws io.tandem.server.api.ApiException naming {@code validation_file} if it cannot be used
     */
    ToDoubleFunction<List<AdapterVersion>> losses(String file) throws IOException;
}
