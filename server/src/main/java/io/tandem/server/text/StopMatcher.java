package io.tandem.server.text;

import java.util.Collection;
import java.util.List;

/**
 * Ends an answer at the first stop string. Text that may begin one is held back until the next text decides, so that
 * nothing of a stop string is ever sent unless it is wanted. One answer, one thread.
 */
public final class StopMatcher {
    private final List<String> stops;
    private final int longest;
    private final boolean included;
    private String held = "";
    private boolean stopped;

    /** @param included whether the answer keeps the stop string that ended it */
    public StopMatcher(Collection<String> stops, boolean included) {
        this.included = included;
        this.stops = stops.stream().filter(stop -> !stop.isEmpty()).distinct().toList();
        longest = this.stops.stream().mapToInt(String::length).max().orElse(0);
    }

    /** The text that may be sent now; empty once stopped. */
    public String accept(String text) {
        if (stopped) {
            return "";
        }
        String all = held + text;
        int end = stopEnd(all);
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

    /** Where the answer ends if it has a stop string, the first if it has several; else -1. */
    private int stopEnd(String text) {
        int first = -1;
        int end = -1;
        for (String stop : stops) {
            int at = text.indexOf(stop);
            if (at >= 0 && (first < 0 || at < first)) {
                first = at;
                end = included ? at + stop.length() : at;
            }
        }
        return end;
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
