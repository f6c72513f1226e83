package io.tandem.loadtest.crash;

import io.tandem.loadtest.GeneratedAdapter;
import io.tandem.loadtest.RobotOptions;
import io.tandem.loadtest.ServerLog;
import io.tandem.loadtest.ServerProcess;
import io.tandem.loadtest.Tally;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
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
                "Kills a server of its own at random moments (kill -9), a quarter of the times while it starts, under"
                        + " uploads, jobs, merges, compressions and changes of adapters. After every start it compares what the"
                        + " server has with what was acknowledged.",
        footer = {
            "",
            "Fails (exit code 1) if",
            "  - a file, an adapter, a version, a label, a canary, a job or a checkpoint that was acknowledged is gone, or"
                    + " has other content;",
            "  - something that was deleted is back, or a job goes back to an earlier state, fails or never ends;",
            "  - the server does not start, leaves unfinished files behind, or writes a stack trace to its log."
        })
public final class Crash implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final int RANK = 2;
    private static final int EXAMPLES = 24;
    private static final int SHOWN_FAILURES = 20;
    private static final double START_SHARE = 0.24;
    private static final String SETTINGS = """
            kernels:
              kv-slots: 8
              context-tokens: 128
              adapter-slots: 4
              max-rank: 16
              pack-tokens: 256
            """;

    @Option(names = "--kills", defaultValue = "50", description = "Default ${DEFAULT-VALUE}.")
    private int kills;

    @Option(
            names = "--work",
            paramLabel = "SECONDS",
            defaultValue = "3",
            description = "Longest time between a start and a kill; default ${DEFAULT-VALUE}.")
    private double work;

    @Mixin
    private RobotOptions options = new RobotOptions();

    private final Tally tally = new Tally();
    private final List<Actor> actors = new ArrayList<>();

    public static void main(String[] args) {
        System.exit(new CommandLine(new Crash()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        OUT.printf(Locale.ROOT, "Seed %d: %d kills%n", options.seed(), kills);
        Path directory = Files.createTempDirectory("tandem-crash");
        try {
            run(directory);
        } finally {
            ServerProcess.delete(directory);
        }
        print();
        return tally.failures().isEmpty() ? 0 : 1;
    }

    private void run(Path directory) throws Exception {
        Random random = new Random(options.seed());
        Path sent = Files.createDirectory(directory.resolve("sent"));
        GeneratedAdapter shape = GeneratedAdapter.of(options.model(), RANK);
        JobActor jobs =
                new JobActor(random.nextLong(), Files.writeString(sent.resolve("train.jsonl"), examples()), tally);
        actors.add(jobs);
        actors.add(new FileActor(random.nextLong(), sent, tally));
        actors.add(new AdapterActor(random.nextLong(), "one-", shape, tally));
        actors.add(new AdapterActor(random.nextLong(), "two-", shape, tally));
        ExecutorService threads = Executors.newFixedThreadPool(actors.size());
        try (ProgressBar bar = new ProgressBarBuilder()
                .setTaskName("crash")
                .setInitialMax(kills)
                .setStyle(ProgressBarStyle.ASCII)
                .build()) {
            long startMillis = 2000;
            for (int kill = 0; kill < kills; kill++) {
                long begin = System.nanoTime();
                List<Path> unfinished = unfinished(directory);
                ServerProcess server = ServerProcess.launch(options.setup(SETTINGS), directory);
                try {
                    if (kill > 0 && random.nextDouble() < START_SHARE) {
                        Thread.sleep((long) (random.nextDouble() * startMillis));
                        tally.count("kills while starting");
                    } else {
                        server.await();
                        startMillis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
                        check(server, unfinished);
                        killAtWork(server, threads, random);
                    }
                } finally {
                    server.kill();
                }
                bar.step();
            }
            finish(directory, jobs);
        } finally {
            threads.shutdownNow();
        }
    }

    private void killAtWork(ServerProcess server, ExecutorService threads, Random random) throws Exception {
        List<Future<?>> working = new ArrayList<>();
        for (Actor actor : actors) {
            working.add(threads.submit(() -> actor.work(server.client())));
        }
        Thread.sleep((long) (1000 * work * random.nextDouble()));
        server.kill();
        for (Future<?> one : working) {
            one.get();
        }
        tally.count("kills at work");
    }

    private void finish(Path directory, JobActor jobs) throws Exception {
        List<Path> unfinished = unfinished(directory);
        try (ServerProcess server = ServerProcess.launch(options.setup(SETTINGS), directory)) {
            server.await();
            check(server, unfinished);
            jobs.finish(server.client());
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

    private void print() {
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
