package io.tandem.loadtest.soak;

import io.tandem.loadtest.GeneratedAdapter;
import io.tandem.loadtest.Leftovers;
import io.tandem.loadtest.RobotOptions;
import io.tandem.loadtest.ServerLog;
import io.tandem.loadtest.ServerProcess;
import io.tandem.loadtest.Tally;
import io.tandem.loadtest.Vitals;
import io.tandem.loadtest.figure.Table;
import io.tandem.loadtest.store.Store;
import io.tandem.loadtest.store.StoreOptions;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Keeps a server busy for a long time and watches what it holds. */
@Command(
        name = "soak",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Keeps a server of its own busy: requests to the base model and to adapters, beside jobs, batches, files,"
                        + " merges and adapters that come and go. 1 %% of the clients leave early, and 1 %% of the requests are"
                        + " malformed. With --stores, each store is killed once on the way and started again.",
        footer = {
            "",
            "Fails (exit code 1) if",
            "  - a request, a job, a batch or a change fails that should not, or does not end within a minute of the last;"
                    + " while a store is away, and 15 s longer, 503 is no failure of what is tried again then;",
            "  - the server writes a stack trace to its log;",
            "  - after the first quarter the straight line through the measurements rises by more than 16 MiB of heap after a"
                    + " garbage collection, 64 MiB of resident memory, 16 threads or 16 open files."
        })
public final class Soak implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final int RANK = 8;
    private static final int ADAPTERS = 4;
    private static final int CLIENTS = 16;
    private static final int SAMPLES = 60;
    private static final double LEAST_SAMPLE_SECONDS = 5;
    private static final double NANOS = 1e9;
    private static final int SHOWN_FAILURES = 20;
    private static final String SETTINGS = "kernels:\n  context-tokens: 256\n";

    @Option(names = "--minutes", defaultValue = "30", description = "Default ${DEFAULT-VALUE}.")
    private double minutes;

    @Option(
            names = "--share",
            defaultValue = "0.7",
            description =
                    "Of the requests per second that the server can answer, which is measured first beside the same"
                            + " jobs and changes; default ${DEFAULT-VALUE}.")
    private double share;

    @Option(names = "--calibration", defaultValue = "20", description = "Seconds of that; default ${DEFAULT-VALUE}.")
    private double calibration;

    @Option(names = "--out", paramLabel = "DIR", description = "Writes soak.csv there.")
    private Optional<Path> out = Optional.empty();

    @Option(
            names = "--outage",
            paramLabel = "SECONDS",
            defaultValue = "10",
            description = "How long a store is away; default ${DEFAULT-VALUE}.")
    private double outage;

    @Mixin
    private final StoreOptions stores = new StoreOptions();

    @Mixin
    private RobotOptions options = new RobotOptions();

    private final Tally tally = new Tally();
    private final Outages outages = new Outages(tally);
    private final Memory memory = new Memory();
    private final List<List<?>> rows = new ArrayList<>();

    public static void main(String[] args) {
        System.exit(new CommandLine(new Soak()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        OUT.printf(Locale.ROOT, "Seed %d: %.1f minutes%n", options.seed(), minutes);
        GeneratedAdapter shape = GeneratedAdapter.of(options.model(), RANK);
        Path sent = Leftovers.directory("tandem-soak");
        try (stores) {
            stores.open();
            run(shape, sent);
        } finally {
            Leftovers.delete(sent);
        }
        memory.growth().forEach(tally::fail);
        if (out.isPresent()) {
            Table.write(
                    out.get().resolve("soak.csv"),
                    "seconds,heap_mib,rss_mib,native_mib,threads,files,requests,failures",
                    rows);
        }
        print();
        return tally.failures().isEmpty() ? 0 : 1;
    }

    private void run(GeneratedAdapter shape, Path sent) throws Exception {
        try (ServerProcess server = ServerProcess.start(options.setup(SETTINGS).with(stores.environment()))) {
            List<String> models = new ArrayList<>(shape.publishAll(server.client(), ADAPTERS));
            String base = server.client().get("/v1/models").at("/data/0/id").asText();
            Changes changes = new Changes(new PatientClient(server.client(), outages), tally);
            List<Thread> threads = List.of(
                    changes.jobs(base, Path.of("config/tour/json.train.jsonl")),
                    changes.batches(base, sent),
                    changes.files(options.seed(), sent),
                    changes.churn(shape),
                    changes.merges(models.get(0), models.get(1)));
            models.add(0, base);
            Requests requests = new Requests(server.client(), server.url(), models, tally, outages);
            try {
                double rate = share * capacity(requests);
                OUT.printf(Locale.ROOT, "%.1f requests/s, %.0f %% of the capacity%n", rate, 100 * share);
                load(server, requests, rate);
            } finally {
                changes.stop();
                for (Thread thread : threads) {
                    thread.join();
                }
            }
            for (String trace : ServerLog.stackTraces(server.log())) {
                tally.fail("in the log:\n" + trace);
            }
        }
    }

    /** Requests per second when clients ask again as soon as they have their answers. */
    private double capacity(Requests requests) throws InterruptedException {
        ExecutorService clients = Executors.newFixedThreadPool(CLIENTS);
        long end = System.nanoTime() + (long) (calibration * NANOS);
        int[] counts = new int[CLIENTS];
        for (int i = 0; i < CLIENTS; i++) {
            int client = i;
            clients.execute(() -> {
                Random random = new Random(options.seed() + client);
                while (System.nanoTime() < end) {
                    requests.send(random);
                    counts[client]++;
                }
            });
        }
        clients.shutdown();
        if (!clients.awaitTermination(1 + (long) calibration, TimeUnit.MINUTES)) {
            tally.fail("a request is stuck");
        }
        int sum = 0;
        for (int count : counts) {
            sum += count;
        }
        return sum / calibration;
    }

    /** Requests that come by chance, however fast they are answered. */
    private void load(ServerProcess server, Requests requests, double rate) throws Exception {
        ExecutorService clients = Executors.newCachedThreadPool();
        Random random = new Random(options.seed());
        double seconds = 60 * minutes;
        double every = Math.max(LEAST_SAMPLE_SECONDS, seconds / SAMPLES);
        long start = System.nanoTime();
        double nextSample = 0;
        Deque<Store> toRestart = new ArrayDeque<>(stores.restartable());
        int restarts = toRestart.size();
        try (ProgressBar bar = new ProgressBarBuilder()
                .setTaskName("soak")
                .setInitialMax((long) seconds)
                .setUnit(" s", 1)
                .setStyle(ProgressBarStyle.ASCII)
                .build()) {
            for (double at = 0; at < seconds; at -= Math.log(1 - random.nextDouble()) / rate) {
                TimeUnit.NANOSECONDS.sleep(start + (long) (at * NANOS) - System.nanoTime());
                if (at >= nextSample) {
                    sample(server, at);
                    nextSample = at + every;
                }
                // At even distances.
                if (!toRestart.isEmpty() && at >= seconds * (restarts + 1 - toRestart.size()) / (restarts + 1)) {
                    Store store = toRestart.removeFirst();
                    clients.execute(() -> outages.of(store, outage));
                }
                long seed = random.nextLong();
                clients.execute(() -> requests.send(new Random(seed)));
                bar.stepTo((long) at);
            }
        }
        clients.shutdown();
        if (!clients.awaitTermination(1, TimeUnit.MINUTES)) {
            tally.fail("requests are stuck");
        }
        sample(server, seconds);
    }

    private void sample(ServerProcess server, double second) throws Exception {
        Vitals vitals = Vitals.of(server);
        memory.add(second, vitals);
        rows.add(List.of(
                Math.round(second),
                vitals.heapBytes() / Memory.MEGA,
                vitals.rssBytes() / Memory.MEGA,
                vitals.nativeBytes() / Memory.MEGA,
                vitals.threads(),
                vitals.files(),
                tally.counts().getOrDefault("requests answered", 0),
                tally.failures().size()));
    }

    private void print() {
        OUT.println();
        OUT.println("| what | times |");
        OUT.println("|---|---|");
        tally.counts().forEach((what, times) -> OUT.printf("| %s | %d |%n", what, times));
        OUT.println();
        OUT.println("| seconds | heap, MiB | resident memory, MiB | of it outside the heap | threads | open files |");
        OUT.println("|---|---|---|---|---|---|");
        for (int i = 0; i < rows.size(); i += Math.max(1, rows.size() / 6)) {
            String cells = rows.get(i).subList(0, 6).stream()
                    .map(cell -> String.valueOf(Math.round(((Number) cell).doubleValue())))
                    .collect(Collectors.joining(" | ", "| ", " |"));
            OUT.println(cells);
        }
        OUT.println();
        tally.failures().stream().distinct().limit(SHOWN_FAILURES).forEach(OUT::println);
        OUT.println(
                tally.failures().isEmpty()
                        ? "No failures."
                        : tally.failures().size() + " failures; the seed was " + options.seed());
    }
}
