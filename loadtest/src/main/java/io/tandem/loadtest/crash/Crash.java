package io.tandem.loadtest.crash;

import io.tandem.loadtest.GeneratedAdapter;
import io.tandem.loadtest.Leftovers;
import io.tandem.loadtest.RobotOptions;
import io.tandem.loadtest.ServerLog;
import io.tandem.loadtest.ServerProcess;
import io.tandem.loadtest.ServerSetup;
import io.tandem.loadtest.Tally;
import io.tandem.loadtest.store.StoreOptions;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Kills a server at random moments, while it starts and while clients change things. */
@Command(
        name = "crash",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Kills a server of its own at random moments (kill -9), 12 times in 50 during startup and otherwise under"
                        + " uploads, jobs, batches, merges, compressions and changes of adapters. After every restart it compares what"
                        + " the server has with what it acknowledged.",
        footer = {
            "",
            "Fails (exit code 1) if",
            "  - a file, an adapter, a version, a label, a canary, a job or a checkpoint that was acknowledged is gone, or"
                    + " has other content;",
            "  - a batch that was acknowledged is gone, has lost an answer, or has two to one row;",
            "  - something that was deleted is back, or a job goes back to an earlier state, fails or never ends;",
            "  - the server does not start, leaves unfinished files behind, or writes a stack trace to its log."
        })
public final class Crash implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final int RANK = 2;
    private static final int EXAMPLES = 24;
    private static final int SHOWN_FAILURES = 20;
    private static final double STARTUP_SHARE = 0.24;
    private static final int LEAST_ACTS = 3;
    private static final int ACT_POLLS = 3000;
    private static final long ACT_MILLIS = 20;
    private static final String SETTINGS = """
            kernels:
              kv-slots: 8
              context-tokens: 128
              adapter-slots: 16
              max-rank: 16
              pack-tokens: 256
            """;

    @Option(names = "--kills", defaultValue = "50", description = "Default ${DEFAULT-VALUE}.")
    private int kills;

    @Option(
            names = "--work",
            paramLabel = "SECONDS",
            defaultValue = "6",
            description = "Mean time from ready to a kill, which varies by half of it; default ${DEFAULT-VALUE}.")
    private double work;

    @Mixin
    private final StoreOptions stores = new StoreOptions();

    @Mixin
    private RobotOptions options = new RobotOptions();

    private final Acknowledged acknowledged = new Acknowledged();
    private final Tally tally = new Tally();
    private final List<Actor> actors = new ArrayList<>();

    public static void main(String[] args) {
        System.exit(new CommandLine(new Crash()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        OUT.printf(Locale.ROOT, "Seed %d: %d kills%n", options.seed(), kills);
        Path directory = Leftovers.directory("tandem-crash");
        try (stores) {
            stores.open();
            run(directory);
        } finally {
            Leftovers.delete(directory);
        }
        print();
        return tally.failures().isEmpty() ? 0 : 1;
    }

    private void run(Path directory) throws Exception {
        Random random = new Random(options.seed());
        Path sent = Files.createDirectory(directory.resolve("sent"));
        GeneratedAdapter shape = GeneratedAdapter.of(options.model(), RANK);
        JobActor jobs = new JobActor(
                random.nextLong(), Files.writeString(sent.resolve("train.jsonl"), examples()), acknowledged, tally);
        actors.add(jobs);
        actors.add(new FileActor(random.nextLong(), sent, acknowledged, tally));
        actors.add(new AdapterActor(random.nextLong(), "one-", shape, acknowledged, tally));
        actors.add(new AdapterActor(random.nextLong(), "two-", shape, acknowledged, tally));
        BatchActor batches = new BatchActor(random.nextLong(), sent, acknowledged, tally);
        actors.add(batches);
        Set<Integer> duringStartup = duringStartup(random);
        ExecutorService threads = Executors.newFixedThreadPool(actors.size());
        try (ProgressBar bar = new ProgressBarBuilder()
                .setTaskName("crash")
                .setInitialMax(kills)
                .setStyle(ProgressBarStyle.ASCII)
                .build()) {
            long startMillis = Long.MAX_VALUE;
            for (int kill = 0; kill < kills; kill++) {
                long begin = System.nanoTime();
                List<Path> unfinished = unfinished(directory);
                ServerProcess server = ServerProcess.launch(setup(), directory);
                try {
                    if (duringStartup.contains(kill)) {
                        Thread.sleep((long) (random.nextDouble() * startMillis));
                        tally.count("kills during startup");
                    } else {
                        server.await();
                        startMillis = Math.min(startMillis, TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin));
                        check(server, unfinished);
                        killAtWork(server, threads, random);
                    }
                } finally {
                    server.kill();
                }
                bar.step();
            }
            finish(directory, jobs, batches);
        } finally {
            threads.shutdownNow();
        }
    }

    private ServerSetup setup() {
        return options.setup(SETTINGS).with(stores.environment());
    }

    /** Which kills hit a server that is starting; the first never does, since it finds nothing. */
    private Set<Integer> duringStartup(Random random) {
        List<Integer> later = IntStream.range(1, kills).boxed().collect(Collectors.toList());
        Collections.shuffle(later, random);
        return Set.copyOf(later.subList(0, (int) Math.min(later.size(), Math.round(STARTUP_SHARE * kills))));
    }

    private void killAtWork(ServerProcess server, ExecutorService threads, Random random) throws Exception {
        List<Future<?>> working = new ArrayList<>();
        for (Actor actor : actors) {
            working.add(threads.submit(() -> actor.work(server.client())));
        }
        Thread.sleep((long) (1000 * work * (0.5 + random.nextDouble())));
        // On a slow machine it takes longer until there is something to lose.
        for (int i = 0;
                i < ACT_POLLS && server.isAlive() && actors.stream().anyMatch(actor -> actor.acts() < LEAST_ACTS);
                i++) {
            Thread.sleep(ACT_MILLIS);
        }
        server.kill();
        for (Future<?> one : working) {
            one.get();
        }
        tally.count("kills under load");
    }

    private void finish(Path directory, JobActor jobs, BatchActor batches) throws Exception {
        List<Path> unfinished = unfinished(directory);
        try (ServerProcess server = ServerProcess.launch(setup(), directory)) {
            server.await();
            check(server, unfinished);
            jobs.finish(server.client());
            batches.finish(server.client());
            for (String trace : ServerLog.stackTraces(server.log())) {
                tally.fail("in the log:\n" + trace);
            }
        }
    }

    /** Writes that a kill has cut off. */
    private static List<Path> unfinished(Path directory) throws IOException {
        if (!Files.exists(ServerProcess.data(directory))) {
            return List.of();
        }
        try (Stream<Path> files = Files.walk(ServerProcess.data(directory))) {
            return files.filter(file -> file.getFileName().toString().startsWith(".unfinished"))
                    .toList();
        }
    }

    private void check(ServerProcess server, List<Path> unfinished) throws IOException, InterruptedException {
        unfinished.forEach(file -> tally.count("unfinished writes after a kill"));
        unfinished.stream().filter(Files::exists).forEach(file -> tally.fail("left behind: " + file));
        for (Actor actor : actors) {
            actor.check(server.client());
        }
    }

    private static String examples() {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < EXAMPLES; i++) {
            lines.append("{\"messages\": [{\"role\": \"user\", \"content\": \"")
                    .append(i)
                    .append("?\"}, {\"role\": \"assistant\", \"content\": \"Number ")
                    .append(i)
                    .append("\"}]}\n");
        }
        return lines.toString();
    }

    /** How many acknowledged changes of each kind a restarted server was checked for. */
    public Map<String, Integer> checked() {
        Map<String, Integer> checked = new TreeMap<>();
        acknowledged.counts().forEach((kind, count) -> checked.put(kind, count.checked()));
        return checked;
    }

    private void print() {
        OUT.println();
        OUT.println("| change | acknowledged | checked after a restart |");
        OUT.println("|---|---|---|");
        acknowledged
                .counts()
                .forEach(
                        (kind, count) -> OUT.printf("| %s | %d | %d |%n", kind, count.acknowledged(), count.checked()));
        OUT.println();
        OUT.println(
                "Only the last change of an object before a kill counts as checked; later ones may undo earlier ones.");
        OUT.println();
        OUT.println("| what | times |");
        OUT.println("|---|---|");
        tally.counts().forEach((what, times) -> OUT.printf("| %s | %d |%n", what, times));
        OUT.println();
        tally.failures().stream().limit(SHOWN_FAILURES).forEach(OUT::println);
        OUT.println(
                tally.failures().isEmpty()
                        ? "Nothing acknowledged was lost."
                        : tally.failures().size() + " failures; the seed was " + options.seed());
    }
}
