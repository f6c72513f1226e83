package io.tandem.loadtest.simulation;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.GeneratedAdapter;
import io.tandem.loadtest.ServerProcess;
import java.io.IOException;
import java.io.PrintStream;
import java.net.ConnectException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs one profile of load against a server and writes one report. */
@Command(
        name = "gatling",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = "Runs a profile of load with Gatling and writes a report in HTML. Fails if more than 1 %% of the"
                + " answers fail, or fewer than the profile's goal are inside the SLO.",
        footerHeading = "%nProfiles:%n")
public final class GatlingCommand implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final int RANK = 8;
    private static final int SAMPLED_REQUESTS = 2000;
    /** Of a server that must refuse: what waits longer than this queue would come too late. */
    private static final int SHORT_QUEUE = 8;

    @Option(names = "--profile", required = true, paramLabel = "NAME", description = "One of those below.")
    private Profile profile = Profile.STEADY;

    @Option(names = "--url", description = "A server that runs; without it one is started for the run.")
    private Optional<String> url = Optional.empty();

    @Option(
            names = "--model",
            paramLabel = "DIR",
            defaultValue = "config/models/sample",
            description = "What the server serves, or will; default ${DEFAULT-VALUE}.")
    private Path model = Path.of("");

    @Option(names = "--seconds", defaultValue = "60", description = "Of arrivals; default ${DEFAULT-VALUE}.")
    private double seconds;

    @Option(
            names = "--rate",
            description = "Requests per second; without it the profile's share of what the server can do, which is"
                    + " measured first.")
    private Optional<Double> rate = Optional.empty();

    @Option(
            names = "--tpot",
            defaultValue = "50",
            description = "SLO, milliseconds per token; default ${DEFAULT-VALUE}.")
    private double tpot;

    @Option(
            names = "--ttft",
            defaultValue = "500",
            description = "SLO, milliseconds to the first token; default ${DEFAULT-VALUE}.")
    private double ttft;

    @Option(names = "--seed", defaultValue = "1", description = "Of lengths, prompts and adapters; default 1.")
    private long seed;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "For the report and its CSV files; default loadtest/target/reports/NAME.")
    private Optional<Path> out = Optional.empty();

    public static void main(String[] args) {
        String profiles = Arrays.stream(Profile.values())
                .map(one -> String.format(Locale.ROOT, "  %-12s %s%n", one, one.description()))
                .collect(Collectors.joining());
        CommandLine command = new CommandLine(new GatlingCommand());
        command.getCommandSpec().usageMessage().footer(profiles.stripTrailing());
        System.exit(command.setCaseInsensitiveEnumValuesAllowed(true).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        if (url.isPresent()) {
            ApiClient client = new ApiClient(url.get());
            if (!answers(client)) {
                System.err.println("Nothing answers at " + url.get() + "; start the server first, or leave out --url.");
                return 1;
            }
            return run(client, url.get());
        }
        try (ServerProcess server = ServerProcess.start(model, settings(), "")) {
            return run(server.client(), server.url());
        }
    }

    private static boolean answers(ApiClient client) throws IOException, InterruptedException {
        try {
            client.get("/v1/models");
            return true;
        } catch (ConnectException e) {
            return false;
        }
    }

    private String settings() {
        return "scheduler:\n  tpot-target: " + tpot + "\n  ttft-target: " + ttft
                + (profile.refuses() ? "\n  max-queued-requests: " + SHORT_QUEUE : "") + "\n";
    }

    private int run(ApiClient client, String address) throws IOException, InterruptedException, ExecutionException {
        Path directory = out.orElse(Path.of("loadtest/target/reports", profile.toString()));
        Files.createDirectories(directory);
        GeneratedAdapter generated = GeneratedAdapter.of(model, RANK);
        List<String> adapters = generated.publishAll(client, profile.adapters());
        Run run = described(client, address, adapters);
        OUT.printf(
                Locale.ROOT,
                "%s: %s%n%.1f requests/s for %.0f s%n",
                profile,
                profile.description(),
                run.rate(),
                seconds);
        run.write(directory);
        BackgroundJobs jobs = BackgroundJobs.start(client, run.model(), Path.of("config/tour"), profile.jobs());
        AdapterChurn churn = AdapterChurn.start(client, generated, profile.churns());
        Timeline timeline = Timeline.start(client, generated.layers(), directory);
        int status;
        try {
            status = GatlingProcess.run(directory);
        } finally {
            timeline.stop();
            churn.stop();
        }
        jobs.cancel();
        for (String adapter : adapters) {
            client.delete("/v1/adapters/" + adapter);
        }
        OUT.println("Report: " + new Report(directory).write().toUri());
        return status;
    }

    /** The run, with a rate that suits the server. */
    private Run described(ApiClient client, String address, List<String> adapters)
            throws IOException, InterruptedException, ExecutionException {
        JsonNode base = client.get("/v1/models").path("data").path(0);
        int vocab = ApiClient.JSON
                .readTree(model.resolve("config.json").toFile())
                .path("vocab_size")
                .asInt();
        Run run = new Run(
                address,
                base.path("id").asText(),
                vocab,
                base.path("max_model_len").asInt(),
                adapters,
                profile,
                rate.orElse(1.0),
                seconds,
                seed,
                tpot,
                ttft);
        if (rate.isPresent()) {
            return run;
        }
        double capacity = new Capacity(client, run.requests()).tokensPerSecond();
        double answers = capacity / run.requests().meanAnswerTokens(SAMPLED_REQUESTS);
        OUT.printf(Locale.ROOT, "Capacity: %.0f tokens/s, %.1f such answers/s%n", capacity, answers);
        return run.at(profile.share() * answers);
    }
}
