package io.tandem.kernels.adapter.method;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.method.GrowthRule.Memory;
import java.nio.ByteBuffer;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The ranks of a job's modules, which grow while it trains: after a warm-up, at regular intervals, those of the modules that
 * the method's rule finds the most important, until the budget is spent. For one thread.
 */
public final class RankGrowth {
    private static final int BYTES_PER_MODULE = Integer.BYTES + 2 * Double.BYTES;

    private final RankBudget budget;
    private final GrowthRule rule;
    private final int warmup;
    private final int interval;
    private final int steps;
    private final SortedMap<Site, Memory> modules = new TreeMap<>();

    /**
     * @param warmup steps before the first time
     * @param interval steps between two times
     * @param steps of the job
     */
    RankGrowth(RankBudget budget, GrowthRule rule, List<Site> sites, int warmup, int interval, int steps) {
        this.budget = budget;
        this.rule = rule;
        this.warmup = warmup;
        this.interval = interval;
        this.steps = steps;
        for (Site site : sites) {
            Memory module = new Memory();
            module.rank = budget.first();
            modules.put(site, module);
        }
    }

    /**
     * Looks at a step that was made.
     *
     * @param step from 1
     * @param importance of each module, as the device measures it for the form
     * @return whether ranks grew
     */
    public boolean after(int step, SortedMap<Site, Double> importance) {
        importance.forEach((site, value) -> {
            Memory module = module(site);
            module.importance = value;
            rule.observe(module);
        });
        boolean due = step >= warmup && (step - warmup) % interval == 0 && step < steps;
        return due && !complete() && grow((double) (step - warmup) / Math.max(1, steps - warmup));
    }

    private Memory module(Site site) {
        Memory module = modules.get(site);
        if (module == null) {
            throw new IllegalArgumentException(site + " has no ranks that grow");
        }
        return module;
    }

    private boolean grow(double progress) {
        int left = budget.left(modules.size(), total());
        int wanted = Math.max(1, rule.modules(left * budget.step(), progress));
        List<Memory> chosen = modules.values().stream()
                .filter(module -> module.rank + budget.step() <= budget.room())
                .sorted(Comparator.comparingDouble(rule::score).reversed())
                .limit(Math.min(wanted, left))
                .toList();
        chosen.forEach(module -> module.rank += budget.step());
        modules.values().forEach(rule::settle);
        return !chosen.isEmpty();
    }

    private int total() {
        return modules.values().stream().mapToInt(module -> module.rank).sum();
    }

    /** The ranks of each module now. */
    public SortedMap<Site, Integer> ranks() {
        SortedMap<Site, Integer> ranks = new TreeMap<>();
        modules.forEach((site, module) -> ranks.put(site, module.rank));
        return ranks;
    }

    /** Whether no more will grow. */
    public boolean complete() {
        return budget.left(modules.size(), total()) == 0;
    }

    /** How many ranks all modules may have together. */
    public int most() {
        return budget.average() * modules.size();
    }

    /** What a job that stopped goes on with. */
    public byte[] state() {
        ByteBuffer state = ByteBuffer.allocate(modules.size() * BYTES_PER_MODULE);
        modules.values()
                .forEach(module ->
                        state.putInt(module.rank).putDouble(module.first).putDouble(module.second));
        return state.array();
    }

    /** @throws IllegalArgumentException if it is not the state of such modules */
    public void restore(byte[] state) {
        if (state.length != modules.size() * BYTES_PER_MODULE) {
            throw new IllegalArgumentException("the growth of " + modules.size() + " modules in " + state.length
                    + " bytes, expected " + modules.size() * BYTES_PER_MODULE);
        }
        ByteBuffer numbers = ByteBuffer.wrap(state);
        modules.values().forEach(module -> {
            module.rank = numbers.getInt();
            module.first = numbers.getDouble();
            module.second = numbers.getDouble();
            budget.require(module.rank);
        });
    }
}
