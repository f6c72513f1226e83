package io.tandem.loadtest.simulation;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.StatusException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * How one request went.
 *
 * @param sentNanos when it was sent
 * @param tokenNanos when each token came
 * @param endNanos when it ended, well or not
 * @param status the HTTP status; 0 if the connection or the stream broke
 * @param complaint what went wrong; empty if nothing did
 */
record Answer(long sentNanos, List<Long> tokenNanos, long endNanos, int status, String complaint) {
    static final int OK = 200;
    static final int REFUSED = 429;
    private static final double NANOS_PER_MILLI = 1e6;

    /** Asks, and waits for the last token. */
    static Answer of(ApiClient client, ObjectNode body) throws InterruptedException {
        long sent = System.nanoTime();
        List<Long> tokens = new ArrayList<>();
        int status = OK;
        String complaint = "";
        try {
            client.stream("/v1/completions", body, tokens::add);
            complaint = tokens.isEmpty() ? "no token" : "";
        } catch (StatusException e) {
            status = e.status();
            complaint = "status " + status;
        } catch (IOException e) {
            status = 0;
            complaint = String.valueOf(e.getMessage());
        }
        return new Answer(sent, tokens, System.nanoTime(), status, complaint);
    }

    boolean complete() {
        return complaint.isEmpty();
    }

    /** To the first token; NaN if there was none. */
    double ttftMillis() {
        return tokenNanos.isEmpty() ? Double.NaN : (tokenNanos.get(0) - sentNanos) / NANOS_PER_MILLI;
    }

    /** Mean gap after the first token; 0 if it was the only one. */
    double tpotMillis() {
        int gaps = Math.max(1, tokenNanos.size() - 1);
        return tokenNanos.isEmpty()
                ? Double.NaN
                : (tokenNanos.get(tokenNanos.size() - 1) - tokenNanos.get(0)) / NANOS_PER_MILLI / gaps;
    }

    double longestGapMillis() {
        long longest = 0;
        for (int i = 1; i < tokenNanos.size(); i++) {
            longest = Math.max(longest, tokenNanos.get(i) - tokenNanos.get(i - 1));
        }
        return longest / NANOS_PER_MILLI;
    }

    boolean meets(double ttft, double tpot) {
        return complete() && ttftMillis() <= ttft && tpotMillis() <= tpot;
    }
}
