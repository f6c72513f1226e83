package io.tandem.server.finetune;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.finetune.search.SearchSpace;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Reads what a search may vary: {@code method.search.space}. */
final class JobSpace {
    private static final String PEFT = "peft";
    private static final String RANK = "rank";
    private static final String TARGETS = "target_modules";
    private static final String RATE = "learning_rate";
    private static final int MOST_VALUES = 8;

    /** A learning rate is searched from the optimizer's usual one divided by this to the same times this. */
    private static final double USUAL_SPREAD = 10;

    private static final double SMALLEST_RATE = 1e-8;

    /** Learning rates of a search have so many digits; nobody can tell those between apart. */
    private static final int DIGITS = 2;

    private JobSpace() {}

    /**
     * Without fields, a search varies the method, its rank and the learning rate.
     *
     * @param hyper what all trials have in common, which is not searched
     * @throws io.tandem.server.api.ApiException naming the field that is wrong
     */
    static SearchSpace parse(JsonBody space, JsonBody hyper) {
        space.rejectUnknown(Set.of(PEFT, RANK, TARGETS, RATE));
        for (String field : List.of(PEFT, RANK, TARGETS, RATE)) {
            if (space.find(field) != null && hyper.find(field) != null) {
                throw space.invalid(field, "is searched, so it cannot be among the 'hyperparameters' too.");
            }
        }
        boolean usual = Stream.of(PEFT, RANK, TARGETS, RATE).noneMatch(field -> space.find(field) != null);
        return new SearchSpace(
                methods(space, hyper, usual).stream()
                        .map(name -> new SearchSpace.Method(name, JobPeft.has(name, RANK), JobPeft.has(name, TARGETS)))
                        .toList(),
                usual && hyper.find(RANK) == null ? List.of(1, 2, 4, 8) : ranks(space),
                targets(space),
                usual && hyper.find(RATE) == null ? usualRates(hyper) : rates(space));
    }

    private static List<String> methods(JsonBody space, JsonBody hyper, boolean usual) {
        Set<JsonNode> asked = values(space, PEFT);
        if (asked.isEmpty() && usual && hyper.find(PEFT) == null) {
            return List.of("lora", "dora", "ia3");
        }
        List<String> names = asked.isEmpty()
                ? List.of(JobPeft.name(hyper))
                : asked.stream().map(JsonNode::asText).toList();
        // Ranks that grow do so by the length of a job, which differs from rung to rung, and a search ends with an
        // adapter.
        List<String> known = JobPeft.names().stream()
                .filter(name -> !JobPeft.has(name, "growth_warmup") && !JobPeft.has(name, "group_size"))
                .toList();
        if (!known.containsAll(names)) {
            JsonBody wrong = asked.isEmpty() ? hyper : space;
            throw wrong.invalid(PEFT, "of a search must be among: " + String.join(", ", known) + ".");
        }
        return names;
    }

    /** The values of a dimension, which differ; none if it is not searched. */
    private static Set<JsonNode> values(JsonBody space, String field) {
        JsonNode array = space.find(field);
        if (array == null) {
            return Set.of();
        }
        if (!array.isArray() || array.isEmpty() || array.size() > MOST_VALUES) {
            throw space.invalid(field, "must be a list of 1 to " + MOST_VALUES + " values.");
        }
        Set<JsonNode> values = new LinkedHashSet<>();
        array.forEach(values::add);
        return values;
    }

    private static List<Integer> ranks(JsonBody space) {
        List<Integer> ranks = new ArrayList<>();
        for (JsonNode rank : values(space, RANK)) {
            if (!rank.isInt() || rank.intValue() < 1 || rank.intValue() > JobPeft.MOST_RANKS) {
                throw space.invalid(RANK, "must be a list of integers from 1 to " + JobPeft.MOST_RANKS + ".");
            }
            ranks.add(rank.intValue());
        }
        return ranks;
    }

    private static List<JsonNode> targets(JsonBody space) {
        Set<JsonNode> targets = values(space, TARGETS);
        targets.forEach(target -> JobPeft.targets(space, target));
        return List.copyOf(targets);
    }

    private static List<Double> rates(JsonBody space) {
        Optional<JsonBody> range = space.optionalObject(RATE);
        if (range.isEmpty()) {
            return List.of();
        }
        range.get().rejectUnknown(Set.of("min", "max"));
        double min = rate(range.get(), "min");
        double max = rate(range.get(), "max");
        if (min > max) {
            throw range.get().invalid("min", "is more than 'max'.");
        }
        return rates(min, max);
    }

    private static double rate(JsonBody range, String field) {
        return range.optionalNumber(field, SMALLEST_RATE, 1).orElseThrow(() -> range.invalid(field, "is required."));
    }

    private static List<Double> usualRates(JsonBody hyper) {
        double usual = JobOptimizer.learningRate(hyper);
        return rates(usual / USUAL_SPREAD, Math.min(1, usual * USUAL_SPREAD));
    }

    /** The ends of a range, and the numbers of two digits in between. */
    private static List<Double> rates(double min, double max) {
        Set<Double> rates = new TreeSet<>(List.of(min, max));
        BigDecimal rate = BigDecimal.valueOf(min).round(new MathContext(DIGITS, RoundingMode.CEILING));
        while (rate.doubleValue() < max) {
            rates.add(rate.doubleValue());
            int exponent = rate.precision() - rate.scale() - DIGITS;
            rate = rate.add(BigDecimal.ONE.scaleByPowerOfTen(exponent));
        }
        return List.copyOf(rates);
    }
}
