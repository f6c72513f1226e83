package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.IterationOutputs.Draw;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How completions and chats differ in what they answer. */
interface AnswerFormat {
    /** Beginning of the answer's id. */
    String idPrefix();

    /** The {@code object} field of a whole answer, or of a chunk of a stream. */
    String objectName(boolean chunk);

    /** One answer in a whole response. */
    ObjectNode whole(Choice choice);

    /**
     * Part of one answer in a stream.
     *
     * @param first whether nothing of the answer was sent before
     * @param draws the tokens that are new, for log-probabilities
     */
    ObjectNode chunk(Choice choice, boolean first, String delta, List<Draw> draws);

    /** Log-probabilities in this format, or null if none were asked for. */
    @Nullable
    ObjectNode logprobs(List<Draw> draws);
}
