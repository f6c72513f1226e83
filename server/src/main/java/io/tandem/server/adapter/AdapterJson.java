package io.tandem.server.adapter;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.compeft.CompressionReport;
import io.tandem.kernels.adapter.merge.MergeReport;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.server.api.JsonBody;
import java.util.List;

/** What clients see of adapters. */
public final class AdapterJson {
    private AdapterJson() {}

    /** The adapter object of the API. */
    public static ObjectNode of(AdapterEntry entry, AdapterLibrary library) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("id", entry.name());
        json.put("object", "adapter");
        json.put("created", entry.createdAt());
        json.put("version", entry.currentVersion().shown());
        AdapterEntry.Canary canary = entry.canary();
        if (canary == null) {
            json.putNull("canary");
        } else {
            ObjectNode trial = json.putObject("canary");
            trial.put("version", entry.version(canary.hash()).orElseThrow().shown());
            trial.put("percent", canary.percent());
        }
        json.put("checkpoint", AdapterEntry.isCheckpoint(entry.name()));
        json.put("pinned", entry.pinned());
        json.put("tier", library.tier(new AdapterChoice(entry.name(), entry.currentVersion())));
        json.put(
                "bytes",
                entry.versions().stream().mapToLong(StoredVersion::bytes).sum());
        ObjectNode labels = json.putObject("labels");
        entry.labels().forEach(labels::put);
        ArrayNode shares = json.putArray("shared_with");
        entry.sharedWith().stream().sorted().forEach(shares::add);
        ArrayNode versions = json.putArray("versions");
        entry.versions().forEach(version -> versions.add(version(entry, version, library)));
        return json;
    }

    private static ObjectNode version(AdapterEntry entry, StoredVersion version, AdapterLibrary library) {
        AdapterChoice choice = new AdapterChoice(entry.name(), version);
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("id", choice.reference());
        json.put("hash", version.hash());
        json.put("form", version.compressed() ? "compressed" : "plain");
        json.put("bytes", version.bytes());
        json.put("created", version.createdAt());
        json.put("origin", version.origin());
        ArrayNode under = json.putArray("under");
        version.under().forEach(under::add);
        json.put("tier", library.tier(choice));
        return json;
    }

    /** @param originalBytes of the version on disk that was compressed */
    static ObjectNode compression(CompressionReport report, long originalBytes) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("parameters", report.parameters());
        json.put("density", report.density());
        json.put("alpha", report.alpha());
        json.put("bytes", report.bytes());
        json.put("original_bytes", originalBytes);
        json.put("bfloat16_bytes", report.bfloat16Bytes());
        json.put("ratio", report.ratio());
        json.put("ratio_on_disk", (double) originalBytes / report.bytes());
        json.put("error", report.error());
        ObjectNode errors = json.putObject("module_errors");
        report.errors().forEach((site, error) -> errors.put(site.toString(), error));
        return json;
    }

    /** Which scales were tried on a validation file. */
    static ObjectNode validation(CompressionReport report, double originalLoss) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        ArrayNode candidates = json.putArray("candidates");
        double best = Double.NaN;
        for (CompressionReport.Candidate candidate : report.candidates()) {
            double loss = -candidate.score();
            best = Double.isNaN(best) || loss < best ? loss : best;
            ObjectNode tried = candidates.addObject();
            tried.put("scale", candidate.alpha().isPresent() ? "alpha" : "least_squares");
            candidate.alpha().ifPresent(alpha -> tried.put("alpha", alpha));
            putNumber(tried, "loss", loss);
        }
        putNumber(json, "loss", best);
        putNumber(json, "original_loss", originalLoss);
        return json;
    }

    /**
     * Which weights were found on a validation file, and how well the given ones did.
     *
     * @param tried the given ones first
     */
    static ObjectNode search(List<Double> found, Scores best, List<Scores> tried) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        ArrayNode weights = json.putArray("weights");
        found.forEach(weights::add);
        json.put("evaluations", tried.size());
        putScores(json, "", best);
        putScores(json, "given_", tried.get(0));
        return json;
    }

    /** How well a model did on a file. */
    public static ObjectNode scores(String model, String version, Scores scores) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("model", model);
        json.put("version", version.isEmpty() ? null : version);
        putScores(json, "", scores);
        scores.tokenAccuracy().ifPresent(share -> json.put("token_accuracy", share));
        return json;
    }

    private static void putScores(ObjectNode json, String prefix, Scores scores) {
        putNumber(json, prefix + "loss", scores.loss());
        scores.exactMatch().ifPresent(share -> json.put(prefix + "exact_match", share));
    }

    /** JSON has no NaN. */
    static void putNumber(ObjectNode json, String field, double number) {
        json.put(field, Double.isFinite(number) ? number : null);
    }

    static ObjectNode merge(String strategy, MergeReport report) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("merge_strategy", strategy);
        json.put("pruned_share", report.prunedShare());
        json.put("disagreeing_share", report.disagreeingShare());
        json.put("truncation_error", report.truncationError());
        ObjectNode modules = json.putObject("modules");
        report.modules().forEach((site, module) -> {
            ObjectNode part = modules.putObject(site.toString());
            part.put("rank", module.rank());
            part.put("pruned_share", module.prunedShare());
            part.put("disagreeing_share", module.disagreeingShare());
            part.put("truncation_error", module.truncationError());
        });
        return json;
    }
}
