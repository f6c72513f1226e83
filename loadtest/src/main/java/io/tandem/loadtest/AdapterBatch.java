package io.tandem.loadtest;

import io.tandem.loadtest.figure.Table;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
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
            new BatchSpeed(client, Collections.nCopies(LARGEST_BATCH, base)).decode(tokens);
            new BatchSpeed(client, adapters).decode(tokens);
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
            all.add(new BatchSpeed(client, models).decode(tokens));
        }
        Collections.sort(all);
        return all.get(all.size() / 2);
    }
}
