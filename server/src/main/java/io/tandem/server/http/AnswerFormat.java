package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import java.util.List;
import java.util.Set;

/** What a generation is written as: one JSON object, or server-sent events while it grows. */
interface AnswerFormat {
    /** The field of the request that has the prompt. */
    String promptField();

    /** Names of special tokens that are part of the answers' texts. */
    Set<String> shownTokens();

    /**
     * A choice has more text, or has ended, or both. Called whether events are written or not.
     *
     * @return events, none if nothing is streamed or can be said yet
     */
    List<String> progress(Generation generation, Choice choice, String delta);

    /** The whole of a generation that has ended. */
    ObjectNode whole(Generation generation);

    /** The last events of a stream. */
    List<String> end(Generation generation);

    /** The last event of a stream that ends with an error. */
    String failure(ApiException error);
}
