package io.tandem.server.text;

import java.util.Collection;
import java.util.List;

/**
 * Ends an answer at the first stop string. Text that may begin one is held back until the next text decides, so that
 * nothing of a stop string is ever sent. One answer, one thread.
 */
public final class StopMatcher {
    private final List<String> stops;
    private final int longest;
    private String held = "";
    private boolean stopped;

    public StopMatcher(Collection<String> stops) {
        this.stops = stops.stream().filter(stop -> !stop.isEmpty()).distinct().toList();
        longest = this.stops.stream().mapToInt(String::length).max().orElse(0);
    }

    /** The text that may be sent now; empty once stopped. */
    public String accept(String text) {
        if (stopped) {
            return "";
        }
        String all = held + text;
        int end = firstStop(all);
        stopped = end >= 0;
        if (!stopped) {
            end = undecided(all);
        }
        held = stopped ? "" : all.substring(end);
        return all.substring(0, end);
    }

    /** Whether a stop string came. */
    public boolean stopped() {
        return stopped;
    }

    /** What was held back, when the answer ends for another reason. */
    public String finish() {
        String rest = held;
        held = "";
        return rest;
    }

    private int firstStop(String text) {
        int first = -1;
        for (String stop : stops) {
            int at = text.indexOf(stop);
            first = at >= 0 && (first < 0 || at < first) ? at : first;
        }
        return first;
    }

    /** Where the longest ending begins that a stop string begins with. */
    private int undecided(String text) {
        for (int at = Math.max(0, text.length() - longest + 1); at < text.length(); at++) {
            String ending = text.substring(at);
            if (stops.stream().anyMatch(stop -> stop.startsWith(ending))) {
                return at;
            }
        }
        return text.length();
    }
}
