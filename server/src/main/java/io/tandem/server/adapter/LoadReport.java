package io.tandem.server.adapter;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterConfig;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.server.api.JsonBody;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What an adapter matched in the model, and how much it changes there.
 *
 * @param config its own configuration
 * @param minRank smallest rank of a module; 0 if one is changed without factors
 * @param maxRank largest rank of a module
 * @param virtualTokens that it puts before a text
 * @param full modules that it has in full
 * @param parameters its numbers
 * @param norm Frobenius norm of all changes and virtual tokens as one vector; modules in full, whose change the model's files
 *     alone would tell, do not count
 * @param norms the same by module, under HuggingFace's names
 * @param idle whether it certainly changes nothing
 */
record LoadReport(
        AdapterConfig config,
        int minRank,
        int maxRank,
        int virtualTokens,
        Set<FullModule> full,
        long parameters,
        double norm,
        SortedMap<String, Double> norms,
        boolean idle) {

    static LoadReport of(Adapter adapter) {
        int minRank = adapter.modules().isEmpty() ? 0 : Integer.MAX_VALUE;
        double squares = Math.pow(adapter.prefix().map(Prefix::norm).orElse(0.0), 2);
        boolean idle = adapter.prefix().isEmpty()
                && adapter.full().isEmpty()
                && adapter.skipped().isEmpty()
                && adapter.modules().values().stream().allMatch(Change::isIdle);
        SortedMap<String, Double> norms = new TreeMap<>();
        for (var module : adapter.modules().entrySet()) {
            Change change = module.getValue();
            double norm = change.norm();
            norms.put(module.getKey().toString(), norm);
            squares += norm * norm;
            minRank = Math.min(minRank, change.rank());
        }
        return new LoadReport(
                adapter.config(),
                minRank,
                adapter.maxRank(),
                adapter.virtualTokens(),
                adapter.full().keySet(),
                adapter.parameters(),
                Math.sqrt(squares),
                norms,
                idle);
    }

    /** Which module has the largest change, and what has none but may be too large too, to continue a complaint. */
    String largest() {
        String whole = full.isEmpty() ? "" : "; it has " + FullModule.labels(full.stream()) + " in full";
        return norms.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .map(module -> "; its largest change is that of " + module.getKey())
                .orElse("")
                .concat(whole);
    }

    /** @throws AdapterFormatException if the adapter changes nothing */
    LoadReport requireChange(String name) {
        if (idle) {
            throw new AdapterFormatException("adapter '" + name + "' changes nothing: in each of its " + norms.size()
                    + " modules what it adds is zero, or what it multiplies by is one");
        }
        return this;
    }

    private static void put(ObjectNode json, LoraConfig lora) {
        json.put("alpha", lora.alpha());
        json.put("use_rslora", lora.rankStabilized());
    }

    ObjectNode toJson() {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("modules", norms.size());
        ArrayNode targets = json.putArray("target_modules");
        config.targets().stream().sorted().forEach(target -> targets.add(target.label()));
        json.put("min_rank", minRank);
        json.put("max_rank", maxRank);
        if (config instanceof LoraConfig lora) {
            put(json, lora);
        }
        if (config instanceof ActivatedConfig activated) {
            put(json, activated.lora());
            ArrayNode tokens = json.putArray("invocation_tokens");
            activated.tokens().tokens().forEach(tokens::add);
        }
        if (!full.isEmpty()) {
            ArrayNode saved = json.putArray("modules_to_save");
            full.forEach(module -> saved.add(module.label()));
        }
        if (virtualTokens > 0) {
            json.put("virtual_tokens", virtualTokens);
        }
        if (config instanceof BottleneckConfig bottleneck) {
            json.put("bottleneck_size", bottleneck.width());
        }
        json.put("parameters", parameters);
        json.put("norm", norm);
        ObjectNode byModule = json.putObject("module_norms");
        norms.forEach(byModule::put);
        return json;
    }
}
