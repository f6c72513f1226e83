package io.tandem.loadtest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.figure.Table;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Asks a server for the bytes that optimizers need, by a dry run for each; nothing is trained. */
@Command(
        name = "optimizer-states",
        mixinStandardHelpOptions = true,
        description = "Asks a server what optimizers need for their states; nothing is trained.")
public final class OptimizerStates implements Callable<Integer> {
    private static final List<String> OPTIMIZERS = List.of("adamw", "adamw_8bit");
    private static final List<Integer> RANKS = List.of(8, 16, 32, 64);

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "For optimizer-states.csv.")
    private Path out = Path.of("");

    public static void main(String[] args) {
        System.exit(new CommandLine(new OptimizerStates()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        List<List<?>> rows = new ArrayList<>();
        try (ServerProcess server = ServerProcess.start(model.directory(), "", "")) {
            ApiClient client = server.client();
            ObjectNode body = ApiClient.JSON.createObjectNode();
            body.put("model", client.baseModel());
            body.put("training_file", client.upload(Path.of("config/tour/json.train.jsonl")));
            for (String optimizer : OPTIMIZERS) {
                for (int rank : RANKS) {
                    body.putObject("hyperparameters").put("rank", rank).put("optimizer", optimizer);
                    long bytes = client.post("/v1/fine_tuning/jobs/dry_run", body)
                            .at("/memory/parts/optimizer")
                            .asLong();
                    rows.add(List.of(optimizer, rank, bytes));
                }
            }
        }
        Table.write(out.resolve("optimizer-states.csv"), "optimizer,rank,state_bytes", rows);
        return 0;
    }
}
