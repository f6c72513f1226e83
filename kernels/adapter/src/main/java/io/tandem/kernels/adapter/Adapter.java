package io.tandem.kernels.adapter;

import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.JoinedLinear;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * An immutable set of changes to the linears and blocks of a base model, and virtual tokens before every text.
 *
 * <p>Adapters that are stacked add up what each of them changes of the base's output, as PEFT does for several active LoRA
 * or DoRA adapters; none of them sees what another adds, but for bottlenecks behind a block, which read its output as the
 * changes of its linears leave it. Factors of (IA)^3 multiply. At most one of them has virtual tokens, and at most one has a
 * module in full.
 *
 * @param config what the adapter's configuration file says
 * @param modules the changed modules; a module that is absent is not changed
 * @param prefix the virtual tokens
 * @param full {@code [vocabulary, hidden]} each, in the place of the model's own
 * @param skipped layers that texts with this adapter do not go through, whatever other adapters they have (DAS, Wu et al.,
 *     2023)
 */
public record Adapter(
        AdapterConfig config,
        SortedMap<Site, Change> modules,
        Optional<Prefix> prefix,
        SortedMap<FullModule, Parameter> full,
        SortedSet<Integer> skipped) {

    /**
     * One linear of one layer, or the output of its attention or MLP.
     *
     * @param expert whose it is, -1 if it belongs to the layer
     */
    public record Site(int layer, TargetModule module, int expert) implements Comparable<Site> {
        private static final Comparator<Site> ORDER =
                Comparator.comparingInt(Site::layer).thenComparing(Site::module).thenComparingInt(Site::expert);

        public Site(int layer, TargetModule module) {
            this(layer, module, -1);
        }

        /** All linears of a model, in the order of the computation. */
        public static List<Site> all(ModelConfig model) {
            List<Site> sites = new ArrayList<>();
            for (int layer = 0; layer < model.layers(); layer++) {
                for (JoinedLinear linear : model.linears()) {
                    for (TargetModule module : linear.modules()) {
                        sites.add(new Site(layer, module, linear.expert()));
                    }
                }
            }
            return sites;
        }

        /** What attention and MLP of each layer add to the residual stream. */
        public static List<Site> blocks(ModelConfig model) {
            List<Site> sites = new ArrayList<>();
            for (int layer = 0; layer < model.layers(); layer++) {
                sites.add(new Site(layer, TargetModule.ATTENTION));
                sites.add(new Site(layer, TargetModule.MLP));
            }
            return sites;
        }

        @Override
        public int compareTo(Site other) {
            return ORDER.compare(this, other);
        }

        /** Its name in a HuggingFace model, for example {@code model.layers.3.self_attn.q_proj}. */
        @Override
        public String toString() {
            String number = expert < 0 ? "" : expert + ".";
            return "model.layers." + layer + "." + module.parent() + "." + number + module.label();
        }
    }

    public Adapter {
        modules = Collections.unmodifiableSortedMap(new TreeMap<>(modules));
        full = Collections.unmodifiableSortedMap(new TreeMap<>(full));
        skipped = Collections.unmodifiableSortedSet(new TreeSet<>(skipped));
    }

    /** Without modules in full, and one whose texts go through all layers. */
    public Adapter(AdapterConfig config, SortedMap<Site, Change> modules, Optional<Prefix> prefix) {
        this(config, modules, prefix, Collections.emptySortedMap(), Collections.emptySortedSet());
    }

    public Adapter(AdapterConfig config, Map<Site, ? extends Change> modules) {
        this(config, new TreeMap<Site, Change>(modules), Optional.empty());
    }

    /** An adapter of virtual tokens alone. */
    public Adapter(AdapterConfig config, Prefix prefix) {
        this(config, new TreeMap<>(), Optional.of(prefix));
    }

    /** The same with these modules. */
    public Adapter with(Map<Site, ? extends Change> others) {
        return with(others, prefix);
    }

    /** The same with these modules and virtual tokens. */
    public Adapter with(Map<Site, ? extends Change> others, Optional<Prefix> virtual) {
        return new Adapter(config, new TreeMap<>(others), virtual, full, skipped);
    }

    /** The same without these layers, and what it changes in them. */
    public Adapter skipping(Set<Integer> layers) {
        SortedMap<Site, Change> left = new TreeMap<>(modules);
        left.keySet().removeIf(site -> layers.contains(site.layer()));
        AdapterConfig own = config instanceof BottleneckConfig all ? all.leavingOut(layers) : config;
        return new Adapter(own, left, prefix, full, new TreeSet<>(layers));
    }

    /**
     * Its modules, for whatever works on low-rank factors only.
     *
     * @throws IllegalArgumentException naming the first module that is changed in another form, and the form; or if
     *     there are virtual tokens, it acts on a part of a text only, or skips layers
     */
    public SortedMap<Site, LowRank> factors() {
        if (invocation().isPresent()) {
            throw new IllegalArgumentException(
                    "the adapter acts from its invocation tokens on, and its factors would act on whole texts");
        }
        if (!skipped.isEmpty()) {
            throw new IllegalArgumentException(
                    "the adapter skips layers " + skipped + ", which its factors alone would not do");
        }
        if (prefix.isPresent()) {
            throw new IllegalArgumentException(
                    "the adapter has virtual tokens, which are not a product of low-rank factors");
        }
        if (!full.isEmpty()) {
            throw new IllegalArgumentException("the adapter has " + FullModule.labels(full.keySet().stream())
                    + " in full (modules_to_save), which is not a product of low-rank factors");
        }
        SortedMap<Site, LowRank> factors = new TreeMap<>();
        modules.forEach((site, change) -> {
            if (!(change instanceof LowRank lowRank)) {
                throw new IllegalArgumentException(
                        site + " is changed by " + change.form() + ", which is not a product of low-rank factors");
            }
            factors.put(site, lowRank);
        });
        return Collections.unmodifiableSortedMap(factors);
    }

    /**
     * Its configuration, for whatever works on low-rank factors only.
     *
     * @throws IllegalArgumentException if it was made otherwise
     */
    public LoraConfig lora() {
        if (config instanceof LoraConfig lora) {
            return lora;
        }
        throw new IllegalArgumentException("the adapter was not made of low-rank factors");
    }

    /**
     * Refuses an adapter that a device of this type could not hold.
     *
     * @throws IllegalArgumentException naming the first module whose numbers are not finite there, as the device keeps them
     */
    public void requireFinite(Dtype dtype) {
        prefix.ifPresent(virtual -> virtual.requireFinite(dtype));
        full.forEach((module, parameter) -> requireFinite(module, parameter, dtype));
        modules.forEach((site, change) -> {
            try {
                change.requireFinite(dtype);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(site + " " + e.getMessage(), e);
            }
        });
    }

    private static void requireFinite(FullModule module, Parameter parameter, Dtype dtype) {
        for (float value : parameter.values()) {
            if (!dtype.holds(value)) {
                throw new IllegalArgumentException(
                        module.path() + " has a number that is not finite with kernels.dtype " + dtype.label());
            }
        }
    }

    /** The same with these modules in full and no others. */
    public Adapter withFull(Map<FullModule, Parameter> modulesInFull) {
        return new Adapter(config, modules, prefix, new TreeMap<>(modulesInFull), skipped);
    }

    /** The same adapter without what only training needs. */
    public Adapter served() {
        SortedMap<Site, Change> served = new TreeMap<>();
        modules.forEach((site, change) -> served.put(site, change.served()));
        return with(served);
    }

    /**
     * The adapter that the first ranks of its modules make; those with fewer are as they are, and so are modules in full.
     *
     * @throws IllegalArgumentException naming a module that is changed in another form
     */
    public Adapter firstRanks(int ranks) {
        SortedMap<Site, LowRank> first = new TreeMap<>();
        SortedMap<Site, LowRank> factors = withFull(Map.of()).factors();
        LoraConfig config = lora();
        factors.forEach((site, all) -> {
            int own = Math.min(ranks, all.rank());
            first.put(site, own == all.rank() ? all : all.first(own, config.scaling(all, own)));
        });
        LoraConfig smaller = new LoraConfig(
                Math.min(ranks, config.rank()),
                config.alpha(),
                config.rankStabilized(),
                config.targets(),
                config.baseModel());
        return new Adapter(smaller, first).withFull(full);
    }

    /** The largest rank of a module. */
    public int maxRank() {
        return modules.values().stream().mapToInt(Change::rank).max().orElse(0);
    }

    /** From where on it acts; on whole texts if empty. */
    public Optional<Invocation> invocation() {
        return config.invocation();
    }

    /** How many tokens it puts before those of a text. */
    public int virtualTokens() {
        return prefix.map(Prefix::tokens).orElse(0);
    }

    /** How many of those run. */
    public int virtualRows() {
        return prefix.map(own -> own.match(Prompt::tokens, keys -> 0)).orElse(0);
    }

    /** Numbers that it has for the modules that it changes, for virtual tokens, and for modules in full. */
    public long parameters() {
        return modules.values().stream().mapToLong(Change::numbers).sum()
                + prefix.map(Prefix::numbers).orElse(0L)
                + full.values().stream().mapToLong(p -> p.values().length).sum();
    }
}
