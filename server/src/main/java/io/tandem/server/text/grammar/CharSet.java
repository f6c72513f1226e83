package io.tandem.server.text.grammar;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** A set of Unicode scalar values; halves of surrogate pairs are never among them. */
final class CharSet {
    private static final int LAST = Character.MAX_CODE_POINT;
    static final CharSet ALL = of(0, LAST);
    static final CharSet NONE = new CharSet(List.of());
    /** Those that a JSON string holds as they are. */
    static final CharSet PLAIN_IN_JSON = of(0, 0x1f, '"', '"', '\\', '\\').complement();

    /** First and last of each range, ascending, with gaps between them. */
    record Range(int first, int last) {}

    private final List<Range> ranges;

    private CharSet(List<Range> ranges) {
        this.ranges = ranges;
    }

    /** @param bounds first and last of each range */
    static CharSet of(int... bounds) {
        List<Range> ranges = new ArrayList<>();
        for (int i = 0; i < bounds.length; i += 2) {
            addWithoutSurrogates(ranges, bounds[i], bounds[i + 1]);
        }
        return union(ranges);
    }

    private static void addWithoutSurrogates(List<Range> ranges, int first, int last) {
        if (first < Character.MIN_SURROGATE) {
            ranges.add(new Range(first, Math.min(last, Character.MIN_SURROGATE - 1)));
        }
        if (last > Character.MAX_SURROGATE) {
            ranges.add(new Range(Math.max(first, Character.MAX_SURROGATE + 1), last));
        }
    }

    private static CharSet union(List<Range> ranges) {
        List<Range> sorted = new ArrayList<>(ranges);
        sorted.sort(Comparator.comparingInt(Range::first));
        List<Range> merged = new ArrayList<>();
        for (Range range : sorted) {
            int top = merged.size() - 1;
            if (top >= 0 && range.first() <= merged.get(top).last() + 1) {
                Range before = merged.get(top);
                merged.set(top, new Range(before.first(), Math.max(before.last(), range.last())));
            } else {
                merged.add(range);
            }
        }
        return new CharSet(List.copyOf(merged));
    }

    static CharSet union(Iterable<CharSet> sets) {
        List<Range> all = new ArrayList<>();
        sets.forEach(set -> all.addAll(set.ranges));
        return union(all);
    }

    CharSet or(CharSet other) {
        List<Range> all = new ArrayList<>(ranges);
        all.addAll(other.ranges);
        return union(all);
    }

    CharSet complement() {
        List<Range> gaps = new ArrayList<>();
        int next = 0;
        for (Range range : ranges) {
            if (range.first() > next) {
                addWithoutSurrogates(gaps, next, range.first() - 1);
            }
            next = range.last() + 1;
        }
        if (next <= LAST) {
            addWithoutSurrogates(gaps, next, LAST);
        }
        return union(gaps);
    }

    CharSet and(CharSet other) {
        return complement().or(other.complement()).complement();
    }

    CharSet without(int... characters) {
        int[] bounds = Arrays.stream(characters)
                .flatMap(c -> Arrays.stream(new int[] {c, c}))
                .toArray();
        return and(of(bounds).complement());
    }

    boolean has(int character) {
        return ranges.stream().anyMatch(range -> character >= range.first() && character <= range.last());
    }

    boolean isEmpty() {
        return ranges.isEmpty();
    }

    List<Range> ranges() {
        return ranges;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CharSet set && ranges.equals(set.ranges);
    }

    @Override
    public int hashCode() {
        return ranges.hashCode();
    }
}
