package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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

/**
 * Measures what prompt-lookup decoding gains and costs: answers that copy from their prompt and answers that do not, one
 * and several at once, alone and beside fine-tuning. Two servers, one of them without speculation, take turns, so that what
 * else the machine does falls on both.
 */
@Command(
        name = "speculation",
        mixinStandardHelpOptions = true,
        description = "Measures answers with and without drafts of their next tokens.")
public final class SpeculationGain implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final double NANOS = 1e9;
    private static final double NANOS_PER_MILLI = 1e6;
    private static final String CPU = "process_cpu_time_ns_total";
    private static final String STORY = "Once upon a time";
    private static final int TURNS = 10;

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--tokens", defaultValue = "200", description = "Of each answer; default ${DEFAULT-VALUE}.")
    private int tokens;

    @Option(names = "--rounds", defaultValue = "7", description = "Of which the median counts; default 7.")
    private int rounds;

    @Option(
            names = "--answers",
            split = ",",
            defaultValue = "1,4,16",
            description = "How many at once; default ${DEFAULT-VALUE}.")
    private List<Integer> batches = List.of();

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For speculation.csv.")
    private Path out = Path.of("");

    /** Of one round. */
    private record Round(
            double tokensPerSecond, double cpuMillis, double drafted, double accepted, double trainedPerSecond) {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new SpeculationGain()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        List<List<?>> rows = new ArrayList<>();
        OUT.println("| text | answers | fine-tuning | tokens/s without | with | CPU ms/token without | with |"
                + " tokens per iteration | right drafts | trained tokens/s without | with |");
        OUT.println("|---|---|---|---|---|---|---|---|---|---|---|");
        try (ServerProcess off = ServerProcess.start(model.directory(), settings("none"), "");
                ServerProcess on = ServerProcess.start(model.directory(), settings("prompt-lookup"), "")) {
            String story = text(off.client(), STORY, 0, 0);
            String copying = STORY + story + "\n" + STORY;
            for (boolean train : new boolean[] {false, true}) {
                for (int batch : batches) {
                    rows.addAll(compare("copied", copying, 0, batch, train, off.client(), on.client()));
                    rows.addAll(compare("free", STORY, 1, batch, train, off.client(), on.client()));
                }
            }
        }
        Table.write(
                out.resolve("speculation.csv"),
                "text,answers,training,speculation,tokens_per_s,cpu_ms_per_token,drafted,accepted,trained_tokens_per_s",
                rows);
        return 0;
    }

    private static String settings(String speculation) {
        return "scheduler:\n  speculation: " + speculation + "\n";
    }

    private List<List<?>> compare(
            String name, String prompt, double temperature, int batch, boolean train, ApiClient off, ApiClient on)
            throws Exception {
        List<Round> without = new ArrayList<>();
        List<Round> with = new ArrayList<>();
        measure(off, prompt, temperature, batch, train, -1);
        measure(on, prompt, temperature, batch, train, -1);
        for (int round = 0; round < rounds; round++) {
            without.add(measure(off, prompt, temperature, batch, train, round));
            with.add(measure(on, prompt, temperature, batch, train, round));
        }
        double before = median(without.stream().map(Round::tokensPerSecond).toList());
        double after = median(with.stream().map(Round::tokensPerSecond).toList());
        double cpuBefore = median(without.stream().map(Round::cpuMillis).toList());
        double cpuAfter = median(with.stream().map(Round::cpuMillis).toList());
        double drafted = with.stream().mapToDouble(Round::drafted).sum();
        double accepted = with.stream().mapToDouble(Round::accepted).sum();
        double sampled = (double) rounds * batch * tokens;
        double trainedBefore =
                median(without.stream().map(Round::trainedPerSecond).toList());
        double trainedAfter = median(with.stream().map(Round::trainedPerSecond).toList());
        OUT.printf(
                Locale.ROOT,
                "| %s | %d | %s | %.0f | %.0f | %.2f | %.2f | %.2f | %.0f of %.0f | %.0f | %.0f |%n",
                name,
                batch,
                train ? "yes" : "no",
                before,
                after,
                cpuBefore,
                cpuAfter,
                sampled / (sampled - accepted),
                accepted,
                drafted,
                trainedBefore,
                trainedAfter);
        return List.of(
                List.of(name, batch, train, "none", Math.round(before), cpuBefore, 0, 0, Math.round(trainedBefore)),
                List.of(
                        name,
                        batch,
                        train,
                        "prompt-lookup",
                        Math.round(after),
                        cpuAfter,
                        Math.round(drafted),
                        Math.round(accepted),
                        Math.round(trainedAfter)));
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }

    /** Answers at once, each with a seed of its own, the same in both servers. */
    private Round measure(ApiClient client, String prompt, double temperature, int batch, boolean train, int round)
            throws Exception {
        String job = train ? startJob(client) : "";
        double drafted = client.metric("tandem_speculation_drafted_total", "");
        double accepted = client.metric("tandem_speculation_accepted_total", "");
        double trained = trained(client);
        double cpu = client.metric(CPU, "");
        long start = System.nanoTime();
        ExecutorService clients = Executors.newFixedThreadPool(batch);
        List<Future<String>> answers = new ArrayList<>();
        for (int i = 0; i < batch; i++) {
            int seed = 100 * round + i;
            answers.add(clients.submit(() -> text(client, prompt, temperature, seed)));
        }
        for (Future<String> answer : answers) {
            answer.get();
        }
        double seconds = (System.nanoTime() - start) / NANOS;
        clients.shutdown();
        Round result = new Round(
                batch * tokens / seconds,
                (client.metric(CPU, "") - cpu) / NANOS_PER_MILLI / (batch * tokens),
                client.metric("tandem_speculation_drafted_total", "") - drafted,
                client.metric("tandem_speculation_accepted_total", "") - accepted,
                (trained(client) - trained) / seconds);
        if (train) {
            client.post("/v1/fine_tuning/jobs/" + job + "/cancel", ApiClient.JSON.createObjectNode());
        }
        return result;
    }

    private String text(ApiClient client, String prompt, double temperature, int seed)
            throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", client.baseModel()).put("prompt", prompt).put("max_tokens", tokens);
        body.put("temperature", temperature).put("seed", seed).put("ignore_eos", true);
        return client.post("/v1/completions", body).at("/choices/0/text").asText();
    }

    /** Rows that went forward. */
    private static double trained(ApiClient client) throws IOException, InterruptedException {
        return client.metric("tandem_tokens_total", "phase=\"finetune\"");
    }

    /** A job that lasts longer than a round, and has begun to train. */
    private static String startJob(ApiClient client) throws IOException, InterruptedException {
        String id = client.upload(conversations());
        double before = trained(client);
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", client.baseModel()).put("training_file", id).put("suffix", "load");
        body.putObject("hyperparameters").put("n_epochs", 50).put("batch_size", 16);
        String job = client.post("/v1/fine_tuning/jobs", body).path("id").asText();
        while (trained(client) == before) {
            Thread.sleep(20);
        }
        return job;
    }

    /** The tour's questions and answers, several in a conversation. */
    private static List<String> conversations() throws IOException {
        List<String> lines = Files.readAllLines(Path.of("config/tour/json.train.jsonl"));
        List<String> conversations = new ArrayList<>();
        for (int start = 0; start + TURNS <= lines.size(); start++) {
            ObjectNode conversation = ApiClient.JSON.createObjectNode();
            ArrayNode messages = conversation.putArray("messages");
            for (String line : lines.subList(start, start + TURNS)) {
                JsonNode example = ApiClient.JSON.readTree(line);
                messages.addAll((ArrayNode) example.path("messages"));
            }
            conversations.add(conversation.toString());
        }
        return conversations;
    }
}
