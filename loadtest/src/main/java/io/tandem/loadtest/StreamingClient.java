package io.tandem.loadtest;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Streams one answer after the other and remembers the gaps between tokens. */
final class StreamingClient implements Runnable {
    private static final int ANSWER_TOKENS = 200;
    private static final double NANOS_PER_MILLI = 1e6;

    private final ApiClient client;
    private final String model;
    private List<Double> gaps = Collections.synchronizedList(new ArrayList<>());
    private volatile boolean stopped;

    StreamingClient(ApiClient client, String model) {
        this.client = client;
        this.model = model;
    }

    @Override
    public void run() {
        while (!stopped) {
            long[] last = {0};
            try {
                client.stream(model, "Tell me a story.", ANSWER_TOKENS, now -> {
                    if (last[0] > 0) {
                        gaps.add((now - last[0]) / NANOS_PER_MILLI);
                    }
                    last[0] = now;
                });
            } catch (IOException e) {
                throw new IllegalStateException("the streaming client failed", e);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    void stop() {
        stopped = true;
    }

    /** The gaps since the last call, in milliseconds, sorted. */
    synchronized List<Double> takeGaps() {
        List<Double> taken = gaps;
        gaps = Collections.synchronizedList(new ArrayList<>());
        List<Double> sorted = new ArrayList<>(taken);
        Collections.sort(sorted);
        return sorted;
    }
}
