package io.tandem.loadtest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** What compression leaves of experts: bytes on disk, and right answers in their own skill. */
final class CompressionQuality {
    private static final double PERCENT = 100;
    private static final int COLUMNS = 10;

    private final ApiClient client;
    private final List<Expert> experts;
    private final PrintStream out;
    private final List<List<?>> rows = new ArrayList<>();

    /** Sums over experts for one density. */
    record Kept(double ratio, double lostPoints) {
        Kept plus(Kept other) {
            return new Kept(ratio + other.ratio, lostPoints + other.lostPoints);
        }
    }

    CompressionQuality(ApiClient client, List<Expert> experts, PrintStream out) {
        this.client = client;
        this.experts = experts;
        this.out = out;
    }

    /** Compresses every expert to each of the densities, and leaves the originals. */
    Map<Double, Kept> measure(List<Double> densities) throws IOException, InterruptedException {
        out.println(
                "| expert | density | bytes | in bfloat16 | ratio | alpha | error | validation loss | exact match % |"
                        + " points lost |");
        out.println("|---".repeat(COLUMNS) + "|");
        Map<Double, Kept> means = new TreeMap<>();
        for (Expert expert : experts) {
            String original = client.get("/v1/adapters/" + expert.model())
                    .path("versions")
                    .path(0)
                    .path("id")
                    .asText();
            String file = Expert.uploadValidation(client, List.of(expert));
            for (double density : densities) {
                ObjectNode body = ApiClient.JSON.createObjectNode();
                body.put("density", density).put("validation_file", file);
                JsonNode report = client.post("/v1/adapters/" + original + "/compress", body);
                double score =
                        expert.exam().exactMatch(client, report.path("version").asText());
                double lost = PERCENT * (expert.score() - score);
                row(expert, density, report, score, lost);
                Kept kept = new Kept(report.path("ratio").asDouble() / experts.size(), lost / experts.size());
                means.merge(density, kept, Kept::plus);
            }
        }
        return means;
    }

    private void row(Expert expert, double density, JsonNode report, double score, double lost) {
        double loss = report.at("/validation/loss").asDouble();
        double before = report.at("/validation/original_loss").asDouble();
        out.printf(
                Locale.ROOT,
                "| %s | %.2f | %d | %d | %.1f | %.2f | %.3f | %.3f, was %.3f | %.0f | %.0f |%n",
                expert.skill(),
                density,
                report.path("bytes").asLong(),
                report.path("bfloat16_bytes").asLong(),
                report.path("ratio").asDouble(),
                report.path("alpha").asDouble(),
                report.path("error").asDouble(),
                loss,
                before,
                PERCENT * score,
                lost);
        rows.add(List.of(
                expert.skill(),
                density,
                report.path("bytes").asLong(),
                report.path("bfloat16_bytes").asLong(),
                report.path("ratio").asDouble(),
                report.path("alpha").asDouble(),
                report.path("error").asDouble(),
                loss,
                before,
                score,
                lost / PERCENT));
    }

    void write(Path file) throws IOException {
        Table.write(
                file,
                "expert,density,bytes,bfloat16_bytes,ratio,alpha,error,validation_loss,original_loss,exact_match,"
                        + "exact_match_lost",
                rows);
    }
}
