package io.tandem.loadtest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * How fast a server answers requests that come at once, each to a model of its own or to the same.
 *
 * @param models that are asked
 */
public record BatchSpeed(ApiClient client, List<String> models) {
    private static final double NANOS = 1e9;

    /**
     * Sampled tokens per second from the moment when the last request has its first token until the first one ends.
     *
     * @param tokens of each answer
     */
    public double decode(int tokens) throws Exception {
        long from = Long.MIN_VALUE;
        long to = Long.MAX_VALUE;
        List<Long> all = new ArrayList<>();
        for (List<Long> times : ask(request -> "Once upon a time", tokens)) {
            from = Math.max(from, times.get(0));
            to = Math.min(to, times.get(times.size() - 1));
            all.addAll(times);
        }
        long first = from;
        long last = to;
        long inside = all.stream().filter(time -> time > first && time <= last).count();
        return inside / ((last - first) / NANOS);
    }

    /** Seconds until all requests have their first token, which is all that they ask for. */
    public double prefill(Prompts prompts) throws Exception {
        long start = System.nanoTime();
        ask(prompts, 1);
        return (System.nanoTime() - start) / NANOS;
    }

    /** What each request asks. */
    public interface Prompts {
        /** @param request its number, from 0 */
        String of(int request);
    }

    /** The times of each answer's tokens in nanoseconds. */
    private List<List<Long>> ask(Prompts prompts, int tokens) throws Exception {
        ExecutorService clients = Executors.newFixedThreadPool(models.size());
        try {
            List<Future<List<Long>>> answers = new ArrayList<>();
            for (int request = 0; request < models.size(); request++) {
                ObjectNode body = ApiClient.JSON.createObjectNode();
                body.put("model", models.get(request)).put("prompt", prompts.of(request));
                body.put("max_tokens", tokens).put("stream", true).put("ignore_eos", true);
                answers.add(clients.submit(() -> {
                    List<Long> times = new ArrayList<>();
                    client.stream("/v1/completions", body, times::add);
                    return times;
                }));
            }
            List<List<Long>> all = new ArrayList<>();
            for (Future<List<Long>> answer : answers) {
                all.add(answer.get());
            }
            return all;
        } finally {
            clients.shutdownNow();
        }
    }
}
