package io.tandem.loadtest;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** How often each thing was done, and what went wrong. Any thread may count. */
public final class Tally {
    private final Map<String, Integer> counts = Collections.synchronizedMap(new TreeMap<>());
    private final List<String> failures = Collections.synchronizedList(new ArrayList<>());

    public void count(String what) {
        counts.merge(what, 1, Integer::sum);
    }

    public void fail(String what) {
        failures.add(what);
    }

    public void require(boolean holds, String what) {
        if (!holds) {
            fail(what);
        }
    }

    /** By their name, in order. */
    public Map<String, Integer> counts() {
        return counts;
    }

    public List<String> failures() {
        return failures;
    }
}
