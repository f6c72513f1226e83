package io.tandem.loadtest.tenant;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.ModelOption;
import io.tandem.loadtest.ServerProcess;
import io.tandem.loadtest.figure.Table;
import io.tandem.loadtest.tenant.Flood.Kind;
import io.tandem.loadtest.tenant.Phase.Work;
import io.tandem.loadtest.tenant.QuietTenant.Answer;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * What a tenant that asks for little notices of one that floods the server with requests, files and jobs. Both have keys of
 * their own. The quiet one's latencies are measured alone and under each kind of flood, in turns, since the speed of a
 * machine changes.
 */
@Command(
        name = "tenants",
        mixinStandardHelpOptions = true,
        description = "Measures what a tenant that floods the server takes from another one.")
public final class Tenants implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final String PROJECTS = "/v1/organization/projects";
    private static final double GOAL = 1.5;
    private static final long POLL_MILLIS = 50;
    private static final double NANOS = 1e9;
    private static final Path SYSTEM = Path.of("/proc/stat");
    /** Per second, on every Linux that Java runs on. */
    private static final double TICKS = 100;
    /** A fraction of what the flood asks for. */
    private static final String QUOTA = """
            {"requests_per_minute": 120, "tokens_per_minute": 100000, "concurrent_sequences": 8,
             "training_tokens_per_day": 1000000000, "file_bytes": 20000000}""";

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(
            names = "--seconds",
            defaultValue = "5",
            description = "Of each measurement, of which each round has one per phase; default ${DEFAULT-VALUE}.")
    private double seconds;

    @Option(names = "--rounds", defaultValue = "10", description = "Default ${DEFAULT-VALUE}.")
    private int rounds;

    @Option(names = "--warm-up", defaultValue = "2", description = "Seconds of a flood; default ${DEFAULT-VALUE}.")
    private double warmUp;

    @Option(
            names = "--rate",
            defaultValue = "2",
            description = "Of the quiet tenant's requests per second; default ${DEFAULT-VALUE}.")
    private double rate;

    @Option(
            names = "--tokens",
            defaultValue = "8",
            description = "Of the quiet tenant's answers; default ${DEFAULT-VALUE}.")
    private int tokens;

    @Option(
            names = "--streams",
            defaultValue = "300",
            description = "Answers that the flood asks for at once; default ${DEFAULT-VALUE}.")
    private int streams;

    @Option(
            names = "--delay",
            paramLabel = "MS",
            defaultValue = "5",
            description = "The server's scheduler.tenant-delay; default ${DEFAULT-VALUE}.")
    private double delay;

    @Option(
            names = "--phases",
            split = ",",
            description = "Some of those that the table has, beside the one alone; default: all.")
    private List<String> only = List.of();

    @Option(names = "--out", paramLabel = "DIR", description = "Writes tenants.csv there.")
    private Optional<Path> out = Optional.empty();

    /** A tenant of the server. */
    private record Tenant(String id, String key) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new Tenants()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        String key = UUID.randomUUID().toString();
        List<Phase> phases = phases();
        String settings = "http:\n  api-key: " + key + "\nscheduler:\n  tenant-delay: " + delay + "\n";
        try (ServerProcess server = ServerProcess.start(model.directory(), settings, "")) {
            ApiClient admin = new ApiClient(server.url(), key);
            Tenant quiet = tenant(admin, "quiet");
            Tenant loud = tenant(admin, "loud");
            String base = admin.baseModel();
            QuietTenant asking = new QuietTenant(new ApiClient(server.url(), quiet.key()), base, rate, tokens);
            asking.ask(warmUp);
            for (int round = 0; round < rounds; round++) {
                for (Phase phase : phases) {
                    limit(admin, loud, phase.quota());
                    try (Flood flood = Flood.start(new ApiClient(server.url(), loud.key()), base, phase.kind())) {
                        TimeUnit.NANOSECONDS.sleep((long) (warmUp * NANOS));
                        measure(phase, asking, flood, server, admin);
                    }
                    awaitRest(admin);
                }
            }
        }
        print(phases);
        return 0;
    }

    private List<Phase> phases() {
        List<Phase> all = List.of(
                new Phase("alone", new Kind(0, false, false), false),
                new Phase("requests", new Kind(streams, false, false), false),
                new Phase("requests and files", new Kind(streams, true, false), false),
                new Phase("jobs", new Kind(0, false, true), false),
                new Phase("all three", new Kind(streams, true, true), false),
                new Phase("all three with quotas", new Kind(streams, true, true), true));
        return all.stream()
                .filter(phase -> only.isEmpty() || phase == all.get(0) || only.contains(phase.name()))
                .toList();
    }

    private static Tenant tenant(ApiClient admin, String name) throws IOException, InterruptedException {
        String id = admin.post(PROJECTS, ApiClient.JSON.createObjectNode().put("name", name))
                .path("id")
                .asText();
        ObjectNode key = ApiClient.JSON.createObjectNode().put("name", "app").put("role", "finetune");
        return new Tenant(
                id,
                admin.post(PROJECTS + "/" + id + "/api_keys", key).path("value").asText());
    }

    private static void limit(ApiClient admin, Tenant tenant, boolean quota) throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.set("quota", ApiClient.JSON.readTree(quota ? QUOTA : "{}"));
        admin.post(PROJECTS + "/" + tenant.id(), body);
    }

    private void measure(Phase phase, QuietTenant quiet, Flood flood, ServerProcess server, ApiClient admin)
            throws IOException, InterruptedException {
        Work before = work(flood, server, admin);
        List<Answer> answers = quiet.ask(seconds);
        phase.add(answers, work(flood, server, admin).minus(before));
        OUT.println("measured: " + phase.name());
    }

    private static Work work(Flood flood, ServerProcess server, ApiClient admin)
            throws IOException, InterruptedException {
        return new Work(
                System.nanoTime() / NANOS,
                flood.tokens(),
                flood.uploads(),
                admin.metric("tandem_tokens_total", "phase=\"finetune\""),
                processorSeconds(ProcessHandle.current()),
                ProcessHandle.of(server.pid()).map(Tenants::processorSeconds).orElse(Double.NaN),
                busySeconds());
    }

    /** Of all processors since the start of the system, by its own count; NaN if it has none. */
    private static double busySeconds() throws IOException {
        if (!Files.exists(SYSTEM)) {
            return Double.NaN;
        }
        String[] ticks = Files.readAllLines(SYSTEM).get(0).trim().split(" +", -1);
        // user, nice, system, idle, waiting for the disk, interrupts
        return (Double.parseDouble(ticks[1])
                        + Double.parseDouble(ticks[2])
                        + Double.parseDouble(ticks[3])
                        + Double.parseDouble(ticks[6])
                        + Double.parseDouble(ticks[7]))
                / TICKS;
    }

    private static double processorSeconds(ProcessHandle process) {
        return process.info()
                .totalCpuDuration()
                .map(duration -> duration.toNanos() / NANOS)
                .orElse(Double.NaN);
    }

    /** Until nothing is left of a flood. */
    private static void awaitRest(ApiClient admin) throws IOException, InterruptedException {
        while (admin.metric("tandem_sequences_running", "") + admin.metric("tandem_requests_waiting", "") > 0) {
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        }
    }

    private void print(List<Phase> phases) throws IOException {
        Phase alone = phases.get(0);
        List<List<?>> rows = new ArrayList<>();
        phases.forEach(phase -> rows.add(phase.cells(alone)));
        OUT.println("| " + Phase.COLUMNS.replace(",", " | ").replace('_', ' ') + " |");
        OUT.println("|---".repeat(rows.get(0).size()) + "|");
        rows.forEach(
                row -> OUT.println(row.stream().map(String::valueOf).collect(Collectors.joining(" | ", "| ", " |"))));
        double worst =
                phases.stream().mapToDouble(phase -> phase.ratio(alone)).max().orElse(Double.NaN);
        OUT.printf(Locale.ROOT, "%nGoal: %.1f times alone at the 99th percentile. Worst: %.2f.%n", GOAL, worst);
        if (out.isPresent()) {
            Table.write(out.get().resolve("tenants.csv"), Phase.COLUMNS, rows);
        }
    }
}
