package io.tandem.kernels.adapter.learning;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.adapter.method.LoraMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/**
 * SPT, sensitivity-aware visual parameter-efficient fine-tuning (He et al., 2023), as far as it chooses modules: the first
 * mini-batches change nothing and measure how sensitive the loss is to each module's frozen weight, by the sum of its squared
 * gradients ({@link Estimate#sensitivity}). Then the modules that are most sensitive for their size get the factors that there is a
 * budget for. Single weights outside of these, which the paper tunes too, stay as they are.
 *
 * @param budget the share of the parameters that all modules would have, above 0 and at most 1
 */
public record SptPolicy(double budget) implements LearningPolicy {
    public static final String NAME = "spt";
    public static final double DEFAULT_BUDGET = 0.25;

    private static final int BATCHES = 16;
    /** Of a short job the sensitivity takes no more than this part. */
    private static final int MOST = 4;

    public SptPolicy {
        if (!(budget > 0 && budget <= 1)) {
            throw new IllegalArgumentException("a budget of " + budget);
        }
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Optional<String> refusal(PeftMethod method) {
        return method instanceof LoraMethod
                ? Optional.empty()
                : Optional.of(
                        "chooses modules of plain LoRA, which '" + method.name() + "' with these settings is not");
    }

    @Override
    public LearningRun start(Setting setting, LearningState from) {
        int batches = Math.max(1, Math.min(BATCHES, setting.totalSteps() / MOST));
        SiteSums sums = new SiteSums(from);
        return new LearningRun() {
            @Override
            public LearningPlan plan(int step) {
                return step < batches ? LearningPlan.SENSING : LearningPlan.EVERYTHING;
            }

            @Override
            public Optional<UnaryOperator<Adapter>> stepped(int step, SortedMap<Site, Estimate> estimates) {
                estimates.forEach((site, estimate) -> sums.add(site, List.of(estimate.sensitivity())));
                if (step != batches) {
                    return Optional.empty();
                }
                SiteSums known = sums.take();
                return Optional.of(adapter -> choose(adapter, known));
            }

            @Override
            public LearningState state() {
                return sums.state();
            }
        };
    }

    /** The first is there whatever it takes; of the others those that still fit. */
    private Adapter choose(Adapter adapter, SiteSums known) {
        List<Map.Entry<Site, LowRank>> ordered = adapter.factors().entrySet().stream()
                .sorted(Comparator.comparing(module ->
                        -known.of(module.getKey()).get(0) / module.getValue().numbers()))
                .toList();
        double left = budget * adapter.parameters();
        Map<Site, LowRank> chosen = new TreeMap<>();
        for (Map.Entry<Site, LowRank> module : ordered) {
            long numbers = module.getValue().numbers();
            if (chosen.isEmpty() || numbers <= left) {
                chosen.put(module.getKey(), module.getValue());
                left -= numbers;
            }
        }
        return new Adapter(adapter.lora(), chosen);
    }
}
