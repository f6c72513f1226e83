package io.tandem.loadtest.crash;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * Counts the changes that a server acknowledged and those that a restarted server was checked for. A later change may
 * undo an earlier one of the same object, so only the last one before a crash counts as checked.
 */
final class Acknowledged {
    /**
     * @param acknowledged by the server
     * @param checked after a restart
     */
    record Count(int acknowledged, int checked) {}

    private final Map<String, Count> counts = new TreeMap<>();
    /** Kinds of the last changes, by object. */
    private final Map<String, String> last = new HashMap<>();

    /**
     * The server has acknowledged a change.
     *
     * @param kind for the table, in the past tense
     * @param object any unique name of what was changed
     */
    synchronized void add(String kind, String object) {
        counts.merge(kind, new Count(1, 0), Acknowledged::sum);
        last.put(object, kind);
    }

    /** A restarted server has this object as it was last acknowledged. */
    synchronized void checked(String object) {
        String kind = last.remove(object);
        if (kind != null) {
            counts.merge(kind, new Count(0, 1), Acknowledged::sum);
        }
    }

    /** The crash interrupted a further change of this object, so either state is right. */
    synchronized void interrupted(String object) {
        last.remove(object);
    }

    private static Count sum(Count one, Count other) {
        return new Count(one.acknowledged + other.acknowledged, one.checked + other.checked);
    }

    synchronized Map<String, Count> counts() {
        return new TreeMap<>(counts);
    }
}
