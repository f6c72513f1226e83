package io.tandem.scheduler.inference;

import java.util.Set;

/**
 * What ends an answer before its last token.
 *
 * @param tokens that end it
 * @param minTokens of the answer, before which none of them is drawn
 * @param delivered whether the one that ends it is part of the answer
 */
public record StopRule(Set<Integer> tokens, int minTokens, boolean delivered) {
    /** Only the number of tokens. */
    public static final StopRule NONE = new StopRule(Set.of(), 0, false);

    public StopRule {
        tokens = Set.copyOf(tokens);
    }

    /** These tokens, which are not part of the answer. */
    public static StopRule at(Set<Integer> tokens) {
        return new StopRule(tokens, 0, false);
    }
}
