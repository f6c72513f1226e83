package io.tandem.kernels.testing;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.BiasedFactors;
import io.tandem.kernels.adapter.Bottleneck;
import io.tandem.kernels.adapter.BottleneckConfig;
import io.tandem.kernels.adapter.Change;
import io.tandem.kernels.adapter.Core;
import io.tandem.kernels.adapter.Dora;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.KeysAndValues;
import io.tandem.kernels.adapter.LeadingRanks;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.PrefixConfig;
import io.tandem.kernels.adapter.Prompt;
import io.tandem.kernels.adapter.PromptConfig;
import io.tandem.kernels.adapter.QuantizedConfig;
import io.tandem.kernels.adapter.QuantizedFactors;
import io.tandem.kernels.adapter.Scale;
import io.tandem.kernels.adapter.SingleWeights;
import io.tandem.kernels.adapter.SingularValues;
import io.tandem.kernels.adapter.SparseConfig;
import io.tandem.kernels.adapter.SparseFactors;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.ToIntFunction;

/**
 * Random adapters; the same arguments always give the same values. Unlike a fresh LoRA adapter B is not zero, and the
 * change is large enough that forgetting an adapter shows.
 */
public final class TinyAdapters {
    private TinyAdapters() {}

    /** The same rank in every target of every layer; alpha is twice the rank. */
    public static Adapter random(ModelConfig model, Set<TargetModule> targets, int rank, long seed) {
        LoraConfig config = new LoraConfig(rank, 2.0 * rank, false, targets, "");
        return random(model, config, seed, site -> rank);
    }

    /** Ranks from 1 to the largest, drawn for every module; rank-stabilized. */
    public static Adapter mixedRanks(ModelConfig model, Set<TargetModule> targets, int maxRank, long seed) {
        LoraConfig config = new LoraConfig(maxRank, 4, true, targets, "");
        Random ranks = new Random(seed + 1);
        return random(model, config, seed, site -> 1 + ranks.nextInt(maxRank));
    }

    /** (IA)^3 as PEFT places it in Llama, and on attention's output too; factors around one. */
    public static Adapter scales(ModelConfig model, long seed) {
        Random random = new Random(seed);
        Map<Site, Change> modules = new TreeMap<>();
        for (Site site : Site.all(model)) {
            int inputs = site.module().inputs(model);
            int outputs = site.module().outputs(model);
            switch (site.module()) {
                case K_PROJ, V_PROJ, O_PROJ ->
                    modules.put(site, new Scale(inputs, outputs, Scale.Side.OUTPUT, aroundOne(random, outputs)));
                case DOWN_PROJ, EXPERT_DOWN_PROJ, EXPERT_W2 ->
                    modules.put(site, new Scale(inputs, outputs, Scale.Side.INPUT, aroundOne(random, inputs)));
                default -> {}
            }
        }
        Set<TargetModule> targets = EnumSet.noneOf(TargetModule.class);
        modules.keySet().forEach(site -> targets.add(site.module()));
        return new Adapter(new Ia3Config(targets, ""), modules);
    }

    /** DoRA in all linears, with random magnitudes. */
    public static Adapter dora(ModelConfig model, int maxRank, long seed) {
        Random random = new Random(seed + 2);
        Map<Site, Change> modules = new TreeMap<>();
        Adapter factors = mixedRanks(model, LoraConfig.everyLinear(), maxRank, seed);
        factors.factors().forEach((site, direction) -> {
            float[] magnitude = aroundOne(random, direction.outputs());
            modules.put(site, new Dora(direction, magnitude));
        });
        return new Adapter(factors.config(), modules);
    }

    /** The adapter with random modules in full. */
    public static Adapter full(Adapter adapter, ModelConfig model, Set<FullModule> modules, long seed) {
        Random random = new Random(seed + 3);
        Map<FullModule, Parameter> full = new TreeMap<>();
        for (FullModule module : modules) {
            full.put(module, module.parameter(model, gaussian(random, model.vocab() * model.hidden(), 0.3)));
        }
        return adapter.withFull(full);
    }

    /** Factors in all linears with a bias on B. */
    public static Adapter biased(ModelConfig model, int maxRank, long seed) {
        Random random = new Random(seed + 2);
        Map<Site, Change> modules = new TreeMap<>();
        Adapter factors = mixedRanks(model, LoraConfig.everyLinear(), maxRank, seed);
        factors.factors()
                .forEach((site, own) ->
                        modules.put(site, new BiasedFactors(own, gaussian(random, own.outputs(), 0.1))));
        return new Adapter(factors.config(), modules);
    }

    /** Factors in all linears, of which the first ranks learn. */
    public static Adapter leading(ModelConfig model, int learning, int rank, long seed) {
        return leading(random(model, LoraConfig.everyLinear(), rank, seed), learning);
    }

    /** The same factors, of which the first ranks learn. */
    public static Adapter leading(Adapter whole, int learning) {
        Map<Site, Change> modules = new TreeMap<>();
        whole.factors().forEach((site, factors) -> modules.put(site, new LeadingRanks(factors, learning)));
        return new Adapter(whole.config(), modules);
    }

    /** Some single weights of each linear, and of every third one factors instead, as SPT has them. */
    public static Adapter singleWeights(ModelConfig model, int maxRank, long seed) {
        Random random = new Random(seed + 5);
        Map<Site, Change> modules = new TreeMap<>();
        Adapter factors = mixedRanks(model, LoraConfig.everyLinear(), maxRank, seed);
        factors.factors().forEach((site, own) -> {
            int weights = own.inputs() * own.outputs();
            int[] places = random.ints(0, weights)
                    .distinct()
                    .limit(1 + random.nextInt(weights / 8))
                    .sorted()
                    .toArray();
            SingleWeights single =
                    new SingleWeights(own.inputs(), own.outputs(), places, gaussian(random, places.length, 0.5));
            modules.put(site, modules.size() % 3 == 2 ? own : single);
        });
        return new Adapter(factors.config(), modules);
    }

    /** Factors over quantized weights in all linears, with step sizes around those that clamp some weights. */
    public static Adapter quantized(ModelConfig model, int rank, int bits, int groupSize, long seed) {
        Random random = new Random(seed + 6);
        Map<Site, Change> modules = new TreeMap<>();
        Adapter factors = random(model, LoraConfig.everyLinear(), rank, seed);
        factors.factors().forEach((site, own) -> {
            float[] steps = new float[own.outputs() * (own.inputs() / groupSize)];
            for (int i = 0; i < steps.length; i++) {
                steps[i] = (float) ((1 + random.nextDouble()) * 3 / (1 << bits) / Math.sqrt(own.inputs()));
            }
            modules.put(site, new QuantizedFactors(own, bits, groupSize, steps));
        });
        return new Adapter(new QuantizedConfig(factors.lora(), bits, groupSize), modules);
    }

    /** Factors over sparse weights in all linears, with scores that matter beside what they are scores of. */
    public static Adapter sparse(ModelConfig model, int rank, double sparsity, long seed) {
        Random random = new Random(seed + 7);
        Map<Site, Change> modules = new TreeMap<>();
        random(model, LoraConfig.everyLinear(), rank, seed).factors().forEach((site, own) -> {
            int inputs = own.inputs();
            int outputs = own.outputs();
            LowRank change = new LowRank(rank, inputs, outputs, own.a(), own.b(), 1);
            double size = 0.3 / Math.sqrt(inputs);
            LowRank scores = new LowRank(
                    rank,
                    inputs,
                    outputs,
                    gaussian(random, rank * inputs, size),
                    gaussian(random, outputs * rank, 1),
                    1);
            float[] rows = gaussian(random, outputs, size);
            float[] columns = gaussian(random, inputs, size);
            modules.put(site, new SparseFactors(change, scores, rows, columns, sparsity));
        });
        return new Adapter(new SparseConfig(rank, LoraConfig.everyLinear(), "").of(model), modules);
    }

    /** Factors with a core of random numbers in all linears. */
    public static Adapter core(ModelConfig model, Core.Shape shape, Core.Ranks ranks, int room, long seed) {
        Random random = new Random(seed + 3);
        Map<Site, Change> modules = new TreeMap<>();
        Adapter factors = random(model, LoraConfig.everyLinear(), room, seed);
        factors.factors().forEach((site, outer) -> {
            float[] core = gaussian(random, shape.numbers(room), 0.7);
            modules.put(site, new Core(outer, shape, core, Core.Ranks.all(room)).with(ranks, 2));
        });
        return new Adapter(factors.config(), modules);
    }

    /** Singular values that changed, between random vectors, in all linears. */
    public static Adapter singular(ModelConfig model, int rank, long seed) {
        Random random = new Random(seed + 4);
        Map<Site, Change> modules = new TreeMap<>();
        LoraConfig config = new LoraConfig(rank, rank, false, LoraConfig.everyLinear(), "");
        random(model, config, seed, site -> rank)
                .factors()
                .forEach(
                        (site, vectors) -> modules.put(site, new SingularValues(vectors, gaussian(random, rank, 0.7))));
        return new Adapter(config, modules);
    }

    /** Virtual tokens that are no tokens of the vocabulary. */
    public static Adapter prompt(ModelConfig model, int tokens, long seed) {
        float[] embeddings = gaussian(new Random(seed), tokens * model.hidden(), 0.5);
        return new Adapter(new PromptConfig(tokens, ""), Prompt.of(tokens, model.hidden(), embeddings));
    }

    /** Keys and values of virtual tokens that no token has. */
    public static Adapter prefix(ModelConfig model, int tokens, long seed) {
        float[] values = gaussian(new Random(seed), tokens * KeysAndValues.width(model), 1);
        return new Adapter(new PrefixConfig(tokens, ""), KeysAndValues.of(model, tokens, values));
    }

    /** Bottlenecks on attention and MLPs of all layers, narrower from layer to layer. */
    public static Adapter bottlenecks(ModelConfig model, Bottleneck.Kind kind, int width, long seed) {
        Random random = new Random(seed);
        Map<Site, Change> modules = new TreeMap<>();
        for (Site site : Site.blocks(model)) {
            int own = Math.max(1, width - site.layer());
            int channels = model.hidden();
            modules.put(
                    site,
                    new Bottleneck(
                            own,
                            channels,
                            kind,
                            gaussian(random, own * channels, 1 / Math.sqrt(channels)),
                            gaussian(random, own, 0.3),
                            gaussian(random, channels, 0.1),
                            gaussian(random, channels * own, 0.3 / Math.sqrt(own))));
        }
        return new Adapter(new BottleneckConfig(width, kind, BottleneckConfig.blocks(), ""), modules);
    }

    private static float[] aroundOne(Random random, int length) {
        float[] factors = gaussian(random, length, 0.5);
        for (int i = 0; i < length; i++) {
            factors[i] += 1;
        }
        return factors;
    }

    /** Every number of A, and of B, is the same; in all linears, with a scaling of 2. */
    public static Adapter filled(ModelConfig model, int rank, float a, float b) {
        Map<Site, LowRank> modules = new TreeMap<>();
        Adapter shapes = random(model, LoraConfig.allLinears(), rank, 1);
        shapes.factors().forEach((site, like) -> {
            float[] filledA = new float[like.a().length];
            float[] filledB = new float[like.b().length];
            Arrays.fill(filledA, a);
            Arrays.fill(filledB, b);
            modules.put(site, new LowRank(rank, like.inputs(), like.outputs(), filledA, filledB, like.scaling()));
        });
        return new Adapter(shapes.config(), modules);
    }

    /** One adapter that changes what both change together: the factors side by side, the scalings inside B. */
    public static Adapter stacked(Adapter lower, Adapter upper) {
        Map<Site, LowRank> modules = new TreeMap<>(lower.factors());
        upper.factors().forEach((site, factors) -> modules.merge(site, factors, TinyAdapters::beside));
        return new Adapter(upper.config(), modules);
    }

    private static LowRank beside(LowRank first, LowRank second) {
        int rank = first.rank() + second.rank();
        float[] a = Arrays.copyOf(first.a(), rank * first.inputs());
        System.arraycopy(second.a(), 0, a, first.a().length, second.a().length);
        float[] b = new float[first.outputs() * rank];
        for (int out = 0; out < first.outputs(); out++) {
            for (int r = 0; r < rank; r++) {
                LowRank from = r < first.rank() ? first : second;
                int column = r < first.rank() ? r : r - first.rank();
                b[out * rank + r] = (float) (from.scaling() * from.b()[out * from.rank() + column]);
            }
        }
        return new LowRank(rank, first.inputs(), first.outputs(), a, b, 1);
    }

    private static Adapter random(ModelConfig model, LoraConfig config, long seed, ToIntFunction<Site> ranks) {
        Random random = new Random(seed);
        Map<Site, LowRank> modules = new TreeMap<>();
        for (Site site : Site.all(model)) {
            if (config.targets().contains(site.module())) {
                int rank = ranks.applyAsInt(site);
                int inputs = site.module().inputs(model);
                int outputs = site.module().outputs(model);
                float[] a = gaussian(random, rank * inputs, 1 / Math.sqrt(inputs));
                float[] b = gaussian(random, outputs * rank, 0.3 / Math.sqrt(rank));
                modules.put(site, new LowRank(rank, inputs, outputs, a, b, config.scaling(rank)));
            }
        }
        return new Adapter(config, modules);
    }

    private static float[] gaussian(Random random, int length, double scale) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) (scale * random.nextGaussian());
        }
        return values;
    }
}
