package io.tandem.server.client;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** The Pareto front of a search, in columns. */
final class SearchReport {
    private SearchReport() {}

    /** @param search field of a job */
    static void print(JsonNode search, PrintWriter out) {
        List<JsonNode> front = new ArrayList<>();
        search.path("trials").forEach(trial -> {
            if (trial.path("pareto").asBoolean()) {
                front.add(trial);
            }
        });
        front.sort(Comparator.comparingLong(
                trial -> trial.path("trained_parameters").asLong()));
        Table table = new Table("TRIAL", "PARAMETERS", "VALIDATION LOSS", "HYPERPARAMETERS");
        for (JsonNode trial : front) {
            table.add(
                    trial.path("trial").asInt(),
                    trial.path("trained_parameters").asLong(),
                    String.format(
                            Locale.ROOT, "%.4f", trial.path("validation_loss").asDouble()),
                    trial.path("hyperparameters"));
        }
        table.print(out);
    }
}
