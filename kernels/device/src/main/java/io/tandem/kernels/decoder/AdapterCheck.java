package io.tandem.kernels.decoder;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.Scale.Side;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.decoder.AdapterLayout.Part;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** What a device takes of an adapter, beside {@linkplain FullModuleCheck its modules in full}. */
final class AdapterCheck {
    private final ModelConfig model;
    private final AdapterLayout layout;
    private final int maxRank;

    AdapterCheck(ModelConfig model, AdapterLayout layout, int maxRank) {
        this.model = model;
        this.layout = layout;
        this.maxRank = maxRank;
    }

    /** @throws IllegalArgumentException naming the first module that the model does not have like this */
    void check(Adapter adapter, Dtype dtype) {
        adapter.prefix().ifPresent(this::check);
        if (adapter.modules().isEmpty() && adapter.prefix().isEmpty()) {
            throw new IllegalArgumentException("the adapter changes no module");
        }
        Set<Site> sites = new HashSet<>(Site.all(model));
        sites.addAll(Site.blocks(model));
        adapter.modules().forEach((site, change) -> check(site, change, sites));
        adapter.invocation().stream()
                .flatMap(invocation -> invocation.tokens().stream())
                .filter(token -> token < 0 || token >= model.vocab())
                .findFirst()
                .ifPresent(token -> {
                    throw new IllegalArgumentException(
                            "the adapter's invocation has token " + token + " of " + model.vocab());
                });
        checkSkipped(adapter);
        adapter.requireFinite(dtype);
        refuseSharedInputs(adapter);
        layout.singleWeights(adapter).forEach(this::checkSingleWeights);
        checkBottlenecks(adapter);
    }

    /** @param sites of the model */
    private void check(Site site, Change change, Set<Site> sites) {
        int inputs = site.module().inputs(model);
        int outputs = site.module().outputs(model);
        if (site.layer() < 0 || site.layer() >= model.layers()) {
            throw new IllegalArgumentException(site + " is not in a model of " + model.layers() + " layers");
        }
        if (!sites.contains(site)) {
            throw new IllegalArgumentException(
                    site + " is not a linear of this model, which has " + model.moduleNames());
        }
        if (change.inputs() != inputs || change.outputs() != outputs) {
            throw new IllegalArgumentException(site + " is [" + change.outputs() + ", " + change.inputs()
                    + "], expected [" + outputs + ", " + inputs + "]");
        }
        if (change.slotRanks() > maxRank) {
            String bias = change instanceof BiasedFactors ? " and a bias, which takes the room of one more" : "";
            throw new IllegalArgumentException(
                    site + " has rank " + change.rank() + bias + ", kernels.max-rank is " + maxRank);
        }
        if (change instanceof Bottleneck == site.module().isLinear()) {
            throw new IllegalArgumentException(site + " cannot be changed by " + change.form());
        }
    }

    private void checkSkipped(Adapter adapter) {
        adapter.skipped().stream()
                .filter(layer -> layer < 0 || layer >= model.layers())
                .findFirst()
                .ifPresent(layer -> {
                    throw new IllegalArgumentException(
                            "the adapter skips layer " + layer + " of a model of " + model.layers());
                });
        if (adapter.skipped().size() == model.layers()) {
            throw new IllegalArgumentException("the adapter skips all layers");
        }
    }

    private void checkSingleWeights(Part part) {
        SingleWeights own = (SingleWeights) part.change();
        long most = (long) maxRank * (own.inputs() + own.outputs());
        if (own.count() > most) {
            throw new IllegalArgumentException(
                    part.site() + " has " + own.count() + " single weights, expected at most " + most
                            + ", as many numbers as factors of kernels.max-rank " + maxRank + " have");
        }
        if (part.site().expert() >= 0) {
            throw new IllegalArgumentException(part.site() + " has single weights, which are not supported in experts");
        }
    }

    private void checkBottlenecks(Adapter adapter) {
        List<Part> blocks = layout.blocks(adapter);
        for (Part part : blocks) {
            Bottleneck bottleneck = (Bottleneck) part.change();
            if (bottleneck.width() > maxRank) {
                throw new IllegalArgumentException(part.site() + " has a bottleneck of width " + bottleneck.width()
                        + ", kernels.max-rank is " + maxRank + " and limits them too");
            }
            if (!bottleneck.kind().equals(((Bottleneck) blocks.get(0).change()).kind())) {
                throw new IllegalArgumentException(part.site() + " has another kind of bottleneck than "
                        + blocks.get(0).site());
            }
        }
    }

    private void check(Prefix prefix) {
        if (prefix instanceof Prompt && model.architecture().startsWith("Gemma3")) {
            throw new IllegalArgumentException("the adapter has virtual tokens, which are not supported with Gemma 3:"
                    + " it scales the embeddings of its vocabulary, and in PEFT no others");
        }
        int width = prefix.match(prompt -> model.hidden(), keys -> KeysAndValues.width(model));
        if (prefix.width() != width) {
            throw new IllegalArgumentException((prefix instanceof Prompt ? "the embeddings" : "keys and values")
                    + " of virtual tokens have " + prefix.width() + " numbers, expected " + width);
        }
        if (prefix.tokens() > maxRank) {
            throw new IllegalArgumentException("the adapter has " + prefix.tokens()
                    + " virtual tokens, kernels.max-rank is " + maxRank + " and limits them too");
        }
        for (int token : prefix.vocabulary()) {
            if (token < 0 || token >= model.vocab()) {
                throw new IllegalArgumentException(
                        "a virtual token starts with token " + token + " of " + model.vocab());
            }
        }
    }

    /** Modules that are multiplied at once have one input. */
    private void refuseSharedInputs(Adapter adapter) {
        for (int bank = 0; bank < layout.banks(); bank++) {
            List<TargetModule> modules = layout.linear(bank).modules();
            for (Part part : layout.parts(adapter, bank)) {
                if (part.change() instanceof Scale scale && scale.side() == Side.INPUT && modules.size() > 1) {
                    throw new IllegalArgumentException(part.site() + " has factors on its input, which it shares with "
                            + modules.stream()
                                    .filter(module -> module != part.site().module())
                                    .map(TargetModule::label)
                                    .collect(Collectors.joining(" and "))
                            + "; factors on its output are possible");
                }
            }
        }
    }
}
