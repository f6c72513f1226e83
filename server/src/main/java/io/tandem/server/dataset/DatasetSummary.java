package io.tandem.server.dataset;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What is in a training file, after truncation. The tokens of a preference pair are those of both of its sequences.
 *
 * @param examples lines, each an example or a preference pair
 * @param tokens of all sequences
 * @param learnedTokens those of them that have a loss
 * @param longestTokens of the longest sequence
 * @param truncated lines that were cut to the limit
 * @param duplicates lines with the same tokens as an earlier one, the earlier ones not counted
 * @param abilities lines by ability; those without one are in none
 * @param controls lines by control
 * @param formats lines by their shape, for example {@code chat} or {@code alpaca}
 */
public record DatasetSummary(
        int examples,
        long tokens,
        long learnedTokens,
        int longestTokens,
        int truncated,
        int duplicates,
        SortedMap<String, Integer> abilities,
        SortedMap<String, Integer> controls,
        SortedMap<String, Integer> formats) {
    public DatasetSummary {
        abilities = Collections.unmodifiableSortedMap(new TreeMap<>(abilities));
        controls = Collections.unmodifiableSortedMap(new TreeMap<>(controls));
        formats = Collections.unmodifiableSortedMap(new TreeMap<>(formats));
    }
}
