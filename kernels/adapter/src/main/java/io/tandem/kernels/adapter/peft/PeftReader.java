package io.tandem.kernels.adapter.peft;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.QuantizedFactors;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.Scale.Side;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.adapter.SparseFactors;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.weights.JsonFields;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.kernels.weights.SafetensorsFile;
import io.tandem.kernels.weights.TensorEntry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One reading of an adapter's directory; collects everything that does not fit the model before it refuses. */
final class PeftReader {
    static final String WEIGHTS = "adapter_model.safetensors";

    private static final String PREFIX = "base_model.model.";
    private static final String PICKLED_WEIGHTS = "adapter_model.bin";
    private static final int MAX_HEADER_BYTES = 8 << 20;
    private static final int MAX_LISTED = 10;
    private static final Pattern TENSOR = Pattern.compile(
            "base_model\\.model\\.model\\.layers\\.(\\d{1,6})\\.(self_attn|mlp|(?:mlp|block_sparse_moe)\\.experts)\\.(?:(\\d{1,6})\\.)?(\\w+)\\.(lora_B\\.bias|lora_[ABE]|lora_magnitude_vector|ia3_l|shira_weight|shira_indices)(?:\\.weight)?");

    /** PEFT's parameters without a module of their own, and whatever is no weight. */
    private static final Set<String> BARE = Set.of(
            QuantizedFactors.A,
            QuantizedFactors.B,
            QuantizedFactors.STEPS,
            SparseFactors.U,
            SparseFactors.V,
            SparseFactors.A,
            SparseFactors.B,
            SparseFactors.R,
            SparseFactors.C,
            Dora.MAGNITUDE,
            Scale.L,
            BiasedFactors.BIAS,
            SingleWeights.VALUES,
            SingleWeightFiles.INDICES);

    private final String name;
    private final Path directory;
    private final ModelConfig model;
    private final int maxRank;
    private final List<String> problems = new ArrayList<>();

    PeftReader(Path directory, ModelConfig model, int maxRank) {
        Path last = directory.getFileName();
        this.name = last == null ? directory.toString() : last.toString();
        this.directory = directory;
        this.model = model;
        this.maxRank = maxRank;
    }

    Adapter read() {
        try {
            JsonFields json = PeftConfig.open(directory);
            return SkippedLayers.read(json, read(json), model);
        } catch (ModelFormatException e) {
            throw new AdapterFormatException("adapter '" + name + "': " + e.getMessage(), e);
        }
    }

    private Adapter read(JsonFields json) {
        if (BottleneckFiles.are(json)) {
            return BottleneckReader.read(json, weights(), model, maxRank);
        }
        if (PeftConfig.type(json).equals(PromptFiles.TYPE)) {
            return PromptFiles.read(json, weights(), model, maxRank);
        }
        if (PeftConfig.type(json).equals(PrefixFiles.TYPE)) {
            return PrefixFiles.read(json, weights(), model, maxRank);
        }
        if (PeftConfig.type(json).equals(QuantizedFactorFiles.TYPE)) {
            return QuantizedFactorFiles.read(json, weights(), model, maxRank);
        }
        if (PeftConfig.type(json).equals(SparseFactorFiles.TYPE)) {
            return SparseFactorFiles.read(json, weights(), model, maxRank);
        }
        PeftConfig config = PeftConfig.read(json);
        SafetensorsFile file = weights();
        return read(config, new FullFiles(json, model, file, problems), file);
    }

    private SafetensorsFile weights() {
        if (!Files.exists(directory.resolve(WEIGHTS)) && Files.exists(directory.resolve(PICKLED_WEIGHTS))) {
            throw refusal(
                    PICKLED_WEIGHTS + " is a pickle, and pickles are never read: save the adapter again as " + WEIGHTS);
        }
        return SafetensorsFile.open(directory.resolve(WEIGHTS), MAX_HEADER_BYTES);
    }

    private Adapter read(PeftConfig config, FullFiles full, SafetensorsFile file) {
        Set<Site> sites = sites(config, full, file);
        refuseProblems();
        if (sites.isEmpty()) {
            throw refusal(WEIGHTS + " changes no module of the model");
        }
        sites.forEach(site -> checkShapes(site, config, file));
        full.check();
        refuseProblems();
        SortedMap<Site, Change> modules = new TreeMap<>();
        SingleWeightFiles singles = new SingleWeightFiles(model, file);
        for (Site site : sites) {
            if (singles.has(site)) {
                singleWeights(site, singles, config, file).ifPresent(own -> modules.put(site, own));
            } else if (config.rank(site) > 0) {
                modules.put(site, change(site, config, file));
            }
        }
        SortedMap<FullModule, Parameter> inFull = full.read();
        refuseProblems();
        if (modules.isEmpty()) {
            throw refusal(WEIGHTS + " changes no module of the model");
        }
        return new Adapter(config.of(modules), modules).withFull(inFull);
    }

    private Set<Site> sites(PeftConfig config, FullFiles full, SafetensorsFile file) {
        Set<Site> known = new HashSet<>(Site.all(model));
        Set<Site> sites = new TreeSet<>();
        for (String tensor : new TreeSet<>(file.names())) {
            if (full.has(tensor)) {
                continue;
            }
            Matcher matcher = TENSOR.matcher(tensor);
            TargetModule module = matcher.matches() ? module(matcher.group(2), matcher.group(4)) : null;
            if (module == null || !belongs(tensor, matcher.group(5), config)) {
                problems.add(shortened(tensor) + " is not " + (config.ia3() ? "an (IA)^3" : "a LoRA")
                        + " factor of a decoder layer's linear" + FullFiles.hint(tensor));
                continue;
            }
            int layer = Integer.parseInt(matcher.group(1));
            int expert = matcher.group(3) == null ? -1 : Integer.parseInt(matcher.group(3));
            Site site = new Site(layer, module, expert);
            if (layer >= model.layers() || !tensor.equals(tensor(site, matcher.group(5), config))) {
                problems.add(tensor + " is of layer " + matcher.group(1) + ", expected 0 to " + (model.layers() - 1));
            } else if (!known.contains(site)) {
                problems.add(tensor + " is not of a linear of the model");
            } else {
                sites.add(site);
            }
        }
        return sites;
    }

    private static boolean belongs(String tensor, String parameter, PeftConfig config) {
        boolean single = parameter.equals(SingleWeights.VALUES) || parameter.equals(SingleWeightFiles.INDICES);
        boolean scale = parameter.equals(Scale.L);
        boolean right = scale ? config.ia3() : single ? config.singleWeights() : config.factors();
        return right && tensor.endsWith(suffix(parameter, config));
    }

    private @Nullable TargetModule module(String parent, String label) {
        for (TargetModule module : model.modules()) {
            if (module.parent().equals(parent) && module.label().equals(label)) {
                return module;
            }
        }
        return null;
    }

    /** PEFT's name of a module's parameter where it saves LoRA. */
    static String tensor(Site site, String parameter) {
        return PREFIX + site + suffix(parameter);
    }

    private static String suffix(String parameter) {
        boolean bare = BARE.contains(parameter);
        return "." + parameter + (bare ? "" : ".weight");
    }

    private static String tensor(Site site, String parameter, PeftConfig config) {
        return PREFIX + site + suffix(parameter, config);
    }

    private static String suffix(String parameter, PeftConfig config) {
        return config.adaLora().isPresent() ? "." + parameter : suffix(parameter);
    }

    private void checkShapes(Site site, PeftConfig config, SafetensorsFile file) {
        if (!config.targets(site)) {
            problems.add(site + " has factors, but " + PeftConfig.FILE + " does not target it");
            return;
        }
        if (config.ia3()) {
            checkShape(site, Scale.L, config, file, channels(site, config));
            return;
        }
        SingleWeightFiles singles = new SingleWeightFiles(model, file);
        if (singles.has(site)) {
            singles.problem(site, maxRank).ifPresent(problems::add);
            if (file.names().contains(tensor(site, LowRank.A, config))
                    || file.names().contains(tensor(site, LowRank.B, config))) {
                problems.add(site + " has single weights and factors, expected one of them");
            }
            return;
        }
        int rank = config.rank(site);
        if (rank > maxRank) {
            problems.add(site + " has rank " + rank + ", expected at most " + maxRank);
            return;
        }
        if (config.loraBias() && rank == maxRank) {
            problems.add(site + " has rank " + rank + " and a bias, which takes the room of one more, expected at most "
                    + maxRank + " together");
            return;
        }
        checkShape(
                site, LowRank.A, config, file, new long[] {rank, site.module().inputs(model)});
        checkShape(site, LowRank.B, config, file, new long[] {site.module().outputs(model), rank});
        if (config.adaLora().isPresent()) {
            checkShape(site, AdaLora.E, config, file, new long[] {rank, 1});
        } else if (file.names().contains(tensor(site, AdaLora.E, config))) {
            problems.add(site + " has singular values, but peft_type is not ADALORA");
        }
        if (config.loraBias()) {
            checkShape(site, BiasedFactors.BIAS, config, file, new long[] {
                site.module().outputs(model)
            });
        } else if (file.names().contains(tensor(site, BiasedFactors.BIAS, config))) {
            problems.add(site + " has a bias, but lora_bias is not true");
        }
        if (config.dora()) {
            checkShape(site, Dora.MAGNITUDE, config, file, new long[] {
                site.module().outputs(model)
            });
        } else if (file.names().contains(tensor(site, Dora.MAGNITUDE, config))) {
            problems.add(site + " has magnitudes, but use_dora is not true");
        }
    }

    /** PEFT's shape of a module's factors, which tells the side that they are on. */
    private long[] channels(Site site, PeftConfig config) {
        return config.feedforward(site)
                ? new long[] {1, site.module().inputs(model)}
                : new long[] {site.module().outputs(model), 1};
    }

    private void checkShape(Site site, String factor, PeftConfig config, SafetensorsFile file, long[] expected) {
        String label = site + "." + factor;
        if (!file.names().contains(tensor(site, factor, config))) {
            problems.add(label + " is missing, expected " + Arrays.toString(expected));
            return;
        }
        TensorEntry entry = file.entry(tensor(site, factor, config));
        if (!Arrays.equals(entry.shape(), expected)) {
            problems.add(label + " is " + Arrays.toString(entry.shape()) + ", expected " + Arrays.toString(expected));
        } else if (!entry.dtype().isFloating()) {
            problems.add(label + " is " + entry.dtype() + ", expected F64, F32, F16 or BF16");
        }
    }

    private Change change(Site site, PeftConfig config, SafetensorsFile file) {
        if (config.ia3()) {
            return new Scale(
                    site.module().inputs(model),
                    site.module().outputs(model),
                    config.feedforward(site) ? Side.INPUT : Side.OUTPUT,
                    finite(site, Scale.L, config, file));
        }
        LowRank factors = factors(site, config, file);
        if (config.adaLora().isPresent()) {
            return config.adaLora().get().fold(factors, finite(site, AdaLora.E, config, file));
        }
        if (config.loraBias()) {
            return new BiasedFactors(factors, finite(site, BiasedFactors.BIAS, config, file));
        }
        return config.dora() ? new Dora(factors, finite(site, Dora.MAGNITUDE, config, file)) : factors;
    }

    private Optional<Change> singleWeights(
            Site site, SingleWeightFiles singles, PeftConfig config, SafetensorsFile file) {
        try {
            return Optional.of(singles.read(site, finite(site, SingleWeights.VALUES, config, file)));
        } catch (IllegalArgumentException e) {
            problems.add(e.getMessage());
            return Optional.empty();
        }
    }

    private LowRank factors(Site site, PeftConfig config, SafetensorsFile file) {
        return new LowRank(
                config.rank(site),
                site.module().inputs(model),
                site.module().outputs(model),
                finite(site, LowRank.A, config, file),
                finite(site, LowRank.B, config, file),
                config.scaling(site));
    }

    private float[] finite(Site site, String factor, PeftConfig config, SafetensorsFile file) {
        float[] values = file.floats(tensor(site, factor, config));
        FiniteTensor.problem(site + "." + factor, values).ifPresent(problems::add);
        return values;
    }

    private void refuseProblems() {
        if (problems.isEmpty()) {
            return;
        }
        String more = problems.size() > MAX_LISTED ? "; and " + (problems.size() - MAX_LISTED) + " more" : "";
        throw refusal(String.join("; ", problems.subList(0, Math.min(MAX_LISTED, problems.size()))) + more);
    }

    private AdapterFormatException refusal(String problem) {
        return new AdapterFormatException("adapter '" + name + "': " + problem);
    }

    private static String shortened(String tensor) {
        return tensor.length() <= 200 ? tensor : tensor.substring(0, 200) + "…";
    }
}
