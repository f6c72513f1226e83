package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.IterationOutputs.Draw;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** How completions and chats differ in what they answer. */
interface ChoiceFormat {
    /** The field of the request that has the prompt. */
    String promptField();

    /** Beginning of the answer's id. */
    String idPrefix();

    /** The {@code object} field of a whole answer, or of a chunk of a stream. */
    String objectName(boolean chunk);

    /**
     * One answer in a whole response.
     *
     * @param index its place there
     */
    ObjectNode whole(Choice choice, int index);

    /** Adds what a response says once of its only prompt, to its first chunk if it is a stream. */
    default void putPrompt(ObjectNode response, Choice choice) {}

    /** What opens one answer's stream before its first token, if anything does. */
    Optional<ObjectNode> opening(Choice choice);

    /**
     * Part of one answer in a stream; in several chunks, or in none if it is kept back.
     *
     * @param draws the tokens that are new, for log-probabilities
     */
    List<ObjectNode> chunks(Choice choice, String delta, List<Draw> draws);

    /** Names of special tokens that are part of the answers' texts. */
    default Set<String> shownTokens() {
        return Set.of();
    }
}
