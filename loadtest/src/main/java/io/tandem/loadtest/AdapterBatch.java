package io.tandem.loadtest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.figure.Table;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Measures how fast one batch is answered when its requests name from none to 64 different adapters. */
@Command(
        name = "adapter-batch",
        mixinStandardHelpOptions = true,
        description = "Measures how fast one batch is answered when its requests name from none to 64 adapters.")
public final class AdapterBatch implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final List<Integer> BATCHES = List.of(16, 64);
    private static final int LARGEST_BATCH = 64;
    private static final double NANOS = 1e9;

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--rank", defaultValue = "16", description = "Of each adapter; default ${DEFAULT-VALUE}.")
    private int rank;

    @Option(names = "--tokens", defaultValue = "96", description = "Of each answer; default ${DEFAULT-VALUE}.")
    private int tokens;

    @Option(names = "--rounds", defaultValue = "5", description = "Of which the median counts; default 5.")
    private int rounds;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For adapter-batch.csv.")
    private Path out = Path.of("");

    public static void main(String[] args) {
        System.exit(new CommandLine(new AdapterBatch()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        String settings = "kernels:\n  kv-slots: " + LARGEST_BATCH + "\n  adapter-slots: " + LARGEST_BATCH
                + "\n  max-rank: " + rank + "\n  context-tokens: 512\nscheduler:\n  tpot-target: 1000\n";
        List<List<?>> rows = new ArrayList<>();
        try (ServerProcess server = ServerProcess.start(model.directory(), settings, "")) {
            ApiClient client = server.client();
            String base = client.baseModel();
            List<String> adapters = GeneratedAdapter.of(model.directory(), rank).publishAll(client, LARGEST_BATCH);
            measure(client, Collections.nCopies(LARGEST_BATCH, base));
            measure(client, adapters);
            for (int batch : BATCHES) {
                rows.add(row(0, batch, median(client, Collections.nCopies(batch, base))));
                for (int count = 1; count <= batch; count *= 2) {
                    List<String> models = new ArrayList<>();
                    for (int i = 0; i < batch; i++) {
                        models.add(adapters.get(i % count));
                    }
                    rows.add(row(count, batch, median(client, models)));
                }
            }
        }
        Table.write(out.resolve("adapter-batch.csv"), "adapters,rows,tokens_per_s", rows);
        return 0;
    }

    private static List<?> row(int adapters, int batch, double tokensPerSecond) {
        OUT.printf(Locale.ROOT, "%3d adapters, %3d requests: %6.0f tokens/s%n", adapters, batch, tokensPerSecond);
        return List.of(adapters, batch, Math.round(tokensPerSecond));
    }

    private double median(ApiClient client, List<String> models) throws Exception {
        List<Double> all = new ArrayList<>();
        for (int round = 0; round < rounds; round++) {
            all.add(measure(client, models));
        }
        Collections.sort(all);
        return all.get(all.size() / 2);
    }

    /** Tokens per second from the moment when the last request has its first token until the first one ends. */
    private double measure(ApiClient client, List<String> models) throws Exception {
        ExecutorService clients = Executors.newFixedThreadPool(models.size());
        List<Future<List<Long>>> answers = new ArrayList<>();
        for (String name : models) {
            answers.add(clients.submit(() -> answer(client, name)));
        }
        long from = Long.MIN_VALUE;
        long to = Long.MAX_VALUE;
        List<Long> all = new ArrayList<>();
        for (Future<List<Long>> answer : answers) {
            List<Long> times = answer.get();
            from = Math.max(from, times.get(0));
            to = Math.min(to, times.get(times.size() - 1));
            all.addAll(times);
        }
        clients.shutdown();
        long first = from;
        long last = to;
        long inside = all.stream().filter(time -> time > first && time <= last).count();
        return inside / ((last - first) / NANOS);
    }

    private List<Long> answer(ApiClient client, String name) throws Exception {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", name).put("prompt", "Once upon a time").put("max_tokens", tokens);
        body.put("stream", true).put("ignore_eos", true);
        List<Long> times = new ArrayList<>();
        client.stream("/v1/completions", body, times::add);
        return times;
    }
}
