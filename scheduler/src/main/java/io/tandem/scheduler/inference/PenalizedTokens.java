package io.tandem.scheduler.inference;

import io.tandem.scheduler.inference.SamplingParams.Penalties;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** What the penalties of a request count, as far as it has any. */
public final class PenalizedTokens {
    private final Penalties penalties;
    private final SortedMap<Integer, Integer> counts = new TreeMap<>();
    private final BitSet seen = new BitSet();

    PenalizedTokens(Penalties penalties, int[] prompt) {
        this.penalties = penalties;
        if (penalties.repeats()) {
            Arrays.stream(prompt).forEach(seen::set);
        }
    }

    /** The next token of the answer. */
    void add(int token) {
        if (penalties.counts()) {
            counts.merge(token, 1, Integer::sum);
        }
        if (penalties.repeats()) {
            seen.set(token);
        }
    }

    /**
     * How often each token stands in the answer so far; empty if no penalty asks for it.
     *
     * @param drafted tokens that count as part of the answer
     */
    public SortedMap<Integer, Integer> counts(int[] drafted) {
        if (drafted.length == 0 || !penalties.counts()) {
            return Collections.unmodifiableSortedMap(counts);
        }
        SortedMap<Integer, Integer> all = new TreeMap<>(counts);
        Arrays.stream(drafted).forEach(token -> all.merge(token, 1, Integer::sum));
        return all;
    }

    /**
     * Tokens of the prompt and the answer so far, each once; empty if no repetition penalty asks for it.
     *
     * @param drafted tokens that count as part of the answer
     */
    public int[] seen(int[] drafted) {
        return penalties.repeats()
                ? IntStream.concat(seen.stream(), Arrays.stream(drafted))
                        .distinct()
                        .toArray()
                : new int[0];
    }
}
