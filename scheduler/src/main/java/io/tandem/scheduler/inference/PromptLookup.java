package io.tandem.scheduler.inference;

import java.util.stream.IntStream;

/**
 * Drafts of what follows a sequence, from its own text: the tokens that followed its last three tokens when they occurred
 * before, or else its last two, or its last one (prompt lookup decoding, Saxena 2023). How often that is right is counted
 * for each length by comparing every token with the one that a draft would have begun with, so it is known without
 * running a draft.
 */
final class PromptLookup {
    private static final int LONGEST = 3;
    /**
     * A token that is right less often is not drafted: where computing it seems to cost nothing, that may be the latency
     * model's error, and there is little to gain.
     */
    private static final double LEAST_ODDS = 0.25;
    /** Before anything was compared: less, so that a sequence drafts nothing until its text has repeated something. */
    private static final double FIRST_GUESS = 0.2;
    /** Weight of the last comparison. */
    private static final double LEARNING = 1.0 / 16;

    private final NgramIndex[] indices =
            IntStream.rangeClosed(1, LONGEST).mapToObj(NgramIndex::new).toArray(NgramIndex[]::new);
    /** How often the token after an n-gram's last occurrence was the next one, by n - 1. */
    private final double[] right =
            IntStream.range(0, LONGEST).mapToDouble(n -> FIRST_GUESS).toArray();
    /** Of the match for the next token: its place, and its length. */
    private int place = -1;

    private int matched;

    /** Takes a prompt's tokens up to this length. */
    void extend(int[] tokens, int length) {
        for (NgramIndex index : indices) {
            index.extend(tokens, length);
        }
    }

    /** A token was appended, so that the text has this length. */
    void append(int[] tokens, int length) {
        if (place >= 0) {
            double hit = tokens[place] == tokens[length - 1] ? 1 : 0;
            right[matched - 1] += LEARNING * (hit - right[matched - 1]);
        }
        extend(tokens, length);
        place = -1;
        matched = LONGEST + 1;
        while (place < 0 && matched > 1) {
            matched--;
            place = indices[matched - 1].find(tokens, length);
        }
    }

    /**
     * The next tokens, as far as they are likely. Where the occurrence reaches into the draft, as in a text that repeats
     * itself, the draft goes on with its own beginning.
     *
     * @param length of the text
     * @param most tokens
     */
    Draft draft(int[] tokens, int length, int most) {
        if (place < 0 || most <= 0) {
            return Draft.NONE;
        }
        // What a right token makes of a match is one of at least its length; most are longer soon.
        double first = right[matched - 1];
        double others = right[LONGEST - 1];
        int count = 0;
        for (double odds = first; count < most && odds >= LEAST_ODDS; odds *= others) {
            count++;
        }
        int[] next = new int[count];
        for (int i = 0; i < count; i++) {
            next[i] = place + i < length ? tokens[place + i] : next[place + i - length];
        }
        return new Draft(next, first, others);
    }
}
