package io.tandem.server.dataset;

import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.TrainingPack.Sequence;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/** Counts what a {@link DatasetSummary} tells, line by line. */
final class SummaryCounter {
    /** Each ability is a row of every report about the job. */
    static final int MAX_ABILITIES = 100;

    private final SortedMap<String, Integer> abilities = new TreeMap<>();
    private final SortedMap<String, Integer> controls = new TreeMap<>();
    private final SortedMap<String, Integer> formats = new TreeMap<>();
    /**
     * The first 64 bits of SHA-256. Two different lines of a million meet with a chance of 3e-8, and nobody can write a
     * file whose lines meet in one bucket.
     */
    private final Set<Long> seen = new HashSet<>();

    private int examples;
    private long tokens;
    private long learnedTokens;
    private int longestTokens;
    private int truncated;
    private int duplicates;

    /** Refuses an ability that is one too many; otherwise the caller goes on to {@link #add}. */
    void requireRoom(Optional<String> ability) {
        if (abilities.size() == MAX_ABILITIES && !abilities.containsKey(ability.orElse(abilities.firstKey()))) {
            throw new RejectedLine("the file has more than " + MAX_ABILITIES + " abilities");
        }
    }

    void addTruncated() {
        truncated++;
    }

    void add(List<Sequence> sequences, Tags tags, LineFormat format) {
        MessageDigest digest = sha256();
        for (Sequence sequence : sequences) {
            tokens += sequence.tokens().length;
            learnedTokens += Arrays.stream(sequence.labels())
                    .filter(label -> label != TrainingPack.IGNORED)
                    .count();
            longestTokens = Math.max(longestTokens, sequence.tokens().length);
            digest.update(bytes(sequence.tokens()));
            digest.update(bytes(sequence.labels()));
        }
        examples++;
        duplicates += seen.add(ByteBuffer.wrap(digest.digest()).getLong()) ? 0 : 1;
        tags.ability().ifPresent(name -> abilities.merge(name, 1, Integer::sum));
        tags.control().ifPresent(label -> controls.merge(label, 1, Integer::sum));
        formats.merge(format.label(), 1, Integer::sum);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static byte[] bytes(int[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * Integer.BYTES);
        bytes.asIntBuffer().put(values);
        return bytes.array();
    }

    /** Tokens of all sequences so far. */
    long tokens() {
        return tokens;
    }

    /** Lines so far. */
    int examples() {
        return examples;
    }

    DatasetSummary summary() {
        return new DatasetSummary(
                examples, tokens, learnedTokens, longestTokens, truncated, duplicates, abilities, controls, formats);
    }
}
