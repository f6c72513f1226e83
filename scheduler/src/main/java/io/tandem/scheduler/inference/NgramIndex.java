package io.tandem.scheduler.inference;

import java.util.Arrays;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Where each n-gram of a growing text occurred last with a token after it. Both operations take constant time on average:
 * it is a hash table with open addressing that stores places only and compares the tokens there. Hashes have a random
 * seed, so no prompt can be made to collide.
 */
final class NgramIndex {
    /** In a table of the n-grams: nothing. A place is at least n. */
    private static final int EMPTY = 0;

    private static final int SMALLEST_TABLE = 64;

    private final int n;
    private final long seed = ThreadLocalRandom.current().nextLong();
    private int[] places = new int[SMALLEST_TABLE];
    private int entries;
    /** The place up to which the text is in the index. */
    private int end;

    NgramIndex(int n) {
        this.n = n;
        this.end = n - 1;
    }

    /**
     * Takes the tokens up to this length; those that it has must be the same as before.
     *
     * @param tokens at least so many
     */
    void extend(int[] tokens, int length) {
        // The last n-gram has no token after it yet.
        for (int place = end + 1; place < length; place++) {
            put(tokens, place);
        }
        end = Math.max(end, length - 1);
    }

    /**
     * The place of the token after the latest earlier occurrence of the last n tokens; -1 if there is none.
     *
     * @param length of the text that was {@linkplain #extend given}
     */
    int find(int[] tokens, int length) {
        if (length < n) {
            return -1;
        }
        int at = slot(tokens, length);
        return places[at] == EMPTY ? -1 : places[at];
    }

    private void put(int[] tokens, int place) {
        int at = slot(tokens, place);
        if (places[at] == EMPTY && 2 * ++entries > places.length) {
            int[] before = places;
            places = new int[2 * before.length];
            for (int old : before) {
                if (old != EMPTY) {
                    places[slot(tokens, old)] = old;
                }
            }
            at = slot(tokens, place);
        }
        places[at] = place;
    }

    /** Where the n-gram before this place is in the table, or belongs. */
    private int slot(int[] tokens, int place) {
        long hash = seed;
        for (int i = place - n; i < place; i++) {
            hash = (hash ^ tokens[i]) * 0x9E3779B97F4A7C15L;
            hash ^= hash >>> 32;
        }
        int at = (int) hash & (places.length - 1);
        while (places[at] != EMPTY && !Arrays.equals(tokens, places[at] - n, places[at], tokens, place - n, place)) {
            at = (at + 1) & (places.length - 1);
        }
        return at;
    }
}
