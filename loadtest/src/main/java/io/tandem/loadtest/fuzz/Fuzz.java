package io.tandem.loadtest.fuzz;

import io.tandem.loadtest.GeneratedAdapter;
import io.tandem.loadtest.Leftovers;
import io.tandem.loadtest.RobotOptions;
import io.tandem.loadtest.ServerLog;
import io.tandem.loadtest.ServerProcess;
import io.tandem.loadtest.Vitals;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Sends random requests to every route of a server of its own. */
@Command(
        name = "fuzz",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Sends random requests, most of them malformed, to every route of a server of its own, byte by byte"
                        + " over several connections.",
        footer = {
            "",
            "Fails (exit code 1) if",
            "  - an answer has status 5xx, but for 505 to an unknown version of HTTP;",
            "  - a complete request is not answered within the limit, or an incomplete one's connection stays open;",
            "  - an error is not OpenAI's error object in JSON, or names a path, a class or an exception;",
            "  - the server ends, no longer answers an ordinary chat, or writes a stack trace to its log;",
            "  - between the first tenth and the end its heap grows by more than 16 MiB, or its threads or open files by"
                    + " more than 16."
        })
public final class Fuzz implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final double MEGA = 1 << 20;
    private static final double MORE_HEAP = 16 * MEGA;
    private static final double MORE_THREADS = 16;
    private static final int SHOWN_FAILURES = 10;
    private static final int RANK = 2;
    private static final long SETTLE_MILLIS = 1_000;
    /** Small, so that limits are met often, and answers are short. */
    private static final String SETTINGS = """
            adapter-root: %s
            http:
              max-body-bytes: 1048576
              max-upload-bytes: 2097152
              idle-timeout: 30
              body-timeout: 10
            scheduler:
              max-queued-jobs: 4
            kernels:
              kv-slots: 8
              context-tokens: 128
              adapter-slots: 4
              max-rank: 16
              full-modules: 2
              pack-tokens: 256
            """;

    @Option(names = "--requests", defaultValue = "20000", description = "Default ${DEFAULT-VALUE}.")
    private long requests;

    @Option(
            names = "--first",
            defaultValue = "0",
            description = "Number of the first request; with --seed and --requests 1 it repeats a failure.")
    private long first;

    @Option(names = "--connections", defaultValue = "8", description = "At once; default ${DEFAULT-VALUE}.")
    private int connections;

    @Option(names = "--limit", defaultValue = "20", description = "Seconds for an answer; default ${DEFAULT-VALUE}.")
    private double limit;

    @Mixin
    private RobotOptions options = new RobotOptions();

    public static void main(String[] args) {
        System.exit(new CommandLine(new Fuzz()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        OUT.printf(Locale.ROOT, "Seed %d: %d requests over %d connections%n", options.seed(), requests, connections);
        Path directory = Leftovers.directory("tandem-fuzz");
        Path adapter = Files.createDirectory(directory.resolve("adapter"));
        GeneratedAdapter shape = GeneratedAdapter.of(options.model(), RANK);
        shape.write(adapter, 1);
        try (ServerProcess server = ServerProcess.start(options.setup(SETTINGS.formatted(directory)))) {
            return run(server, new World(server.client(), shape, directory), directory);
        } finally {
            Leftovers.delete(directory);
        }
    }

    private int run(ServerProcess server, World world, Path directory) throws Exception {
        List<Route> routes = routes(server);
        Examples examples = Examples.load();
        List<String> wrong = examples.differences(routes);
        if (!wrong.isEmpty()) {
            OUT.println("examples.json and the server's routes differ, add or delete: " + wrong);
            return 1;
        }
        String host = URI.create(server.url()).getAuthority();
        Attempts attempts = new Attempts(options.seed(), routes, examples, world, host);
        AnswerRules rules = new AnswerRules(List.of(
                directory.toString(),
                server.directory().toString(),
                options.model().toAbsolutePath().toString(),
                System.getProperty("user.home")));
        List<String> failures = send(server, world, attempts, rules);
        ServerLog.stackTraces(server.log()).forEach(trace -> failures.add("in the log:\n" + trace));
        return verdict(failures);
    }

    private List<String> send(ServerProcess server, World world, Attempts attempts, AnswerRules rules)
            throws Exception {
        long warmUp = requests / 10;
        List<String> failures = new ArrayList<>();
        Map<String, Integer> answers;
        Vitals before;
        try (ProgressBar bar = new ProgressBarBuilder()
                        .setTaskName("fuzz")
                        .setInitialMax(requests)
                        .setStyle(ProgressBarStyle.ASCII)
                        .build();
                FuzzRun run = new FuzzRun(server, world, attempts, rules, Math.round(1000 * limit), bar::step)) {
            run.run(first, warmUp, connections);
            before = vitals(server);
            run.run(first + warmUp, requests - warmUp, connections);
            failures.addAll(run.failures());
            answers = run.answers();
        }
        if (server.isAlive()) {
            Vitals after = vitals(server);
            failures.addAll(grown(before, after));
            if (!world.answers()) {
                failures.add("an ordinary chat is no longer answered");
            }
            print(answers, before, after);
        }
        return failures;
    }

    private static List<Route> routes(ServerProcess server) throws Exception {
        HttpRequest index =
                HttpRequest.newBuilder(URI.create(server.url() + "/")).build();
        return Route.parse(
                HttpClient.newHttpClient().send(index, BodyHandlers.ofString()).body());
    }

    private static Vitals vitals(ServerProcess server) throws Exception {
        Thread.sleep(SETTLE_MILLIS);
        return Vitals.of(server);
    }

    private static List<String> grown(Vitals before, Vitals after) {
        List<String> grown = new ArrayList<>();
        if (after.heapBytes() > before.heapBytes() + MORE_HEAP) {
            grown.add("the heap has grown");
        }
        if (after.threads() > before.threads() + MORE_THREADS) {
            grown.add("there are more threads");
        }
        if (after.files() > before.files() + MORE_THREADS) {
            grown.add("more files are open");
        }
        return grown;
    }

    private static void print(Map<String, Integer> answers, Vitals before, Vitals after) {
        OUT.println();
        OUT.println("| answer | times |");
        OUT.println("|---|---|");
        new TreeMap<>(answers).forEach((status, times) -> OUT.printf("| %s | %d |%n", status, times));
        OUT.println();
        OUT.println("| | after the first tenth | at the end |");
        OUT.println("|---|---|---|");
        row("heap, MiB", before.heapBytes() / MEGA, after.heapBytes() / MEGA);
        row("resident memory, MiB", before.rssBytes() / MEGA, after.rssBytes() / MEGA);
        row("threads", before.threads(), after.threads());
        row("open files", before.files(), after.files());
    }

    private static void row(String what, double before, double after) {
        OUT.printf(Locale.ROOT, "| %s | %.0f | %.0f |%n", what, before, after);
    }

    private int verdict(List<String> failures) {
        OUT.println();
        failures.stream().limit(SHOWN_FAILURES).forEach(failure -> OUT.println(failure + "\n"));
        OUT.println(
                failures.isEmpty()
                        ? "No failures."
                        : failures.size() + " failures; repeat one with --seed " + options.seed()
                                + " --first N --requests 1");
        return failures.isEmpty() ? 0 : 1;
    }
}
