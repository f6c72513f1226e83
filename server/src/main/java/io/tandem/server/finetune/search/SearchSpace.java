package io.tandem.server.finetune.search;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * All configurations that a search may try. A dimension without values is not searched.
 *
 * @param methods at least one
 * @param ranks of the methods that have one
 * @param targets values of {@code target_modules}, of the methods that have them
 * @param rates learning rates, the lowest first; drawn evenly on a logarithmic scale
 */
public record SearchSpace(List<Method> methods, List<Integer> ranks, List<JsonNode> targets, List<Double> rates) {

    /**
     * @param ranked whether it has a rank
     * @param targeted whether it has target modules
     */
    public record Method(String name, boolean ranked, boolean targeted) {}

    public SearchSpace {
        methods = List.copyOf(methods);
        ranks = List.copyOf(ranks);
        targets = List.copyOf(targets);
        rates = List.copyOf(rates);
    }

    /** Its configurations without a learning rate, by which it takes no memory. */
    public List<Configuration> shapes() {
        List<Configuration> shapes = new ArrayList<>();
        for (Method method : methods) {
            for (int rank = 0; rank < choices(method.ranked(), ranks); rank++) {
                for (int target = 0; target < choices(method.targeted(), targets); target++) {
                    shapes.add(shape(method, rank, target));
                }
            }
        }
        return shapes;
    }

    private static int choices(boolean has, List<?> values) {
        return has ? Math.max(1, values.size()) : 1;
    }

    private Configuration shape(Method method, int rank, int target) {
        ObjectNode values = JsonBody.MAPPER.createObjectNode();
        values.put(Configuration.METHOD, method.name());
        if (method.ranked() && !ranks.isEmpty()) {
            values.put(Configuration.RANK, ranks.get(rank));
        }
        if (method.targeted() && !targets.isEmpty()) {
            values.set(Configuration.TARGETS, targets.get(target));
        }
        return new Configuration(values);
    }

    /** How many configurations there are. */
    public long size() {
        return shapes().size() * (long) Math.max(1, rates.size());
    }

    /** All of them. */
    Stream<Configuration> all() {
        return rates.isEmpty()
                ? shapes().stream()
                : shapes().stream().flatMap(shape -> rates.stream().map(rate -> learning(shape, rate)));
    }

    private static Configuration learning(Configuration shape, double rate) {
        return new Configuration(shape.values().deepCopy().put(Configuration.RATE, rate));
    }

    /** Any of them. */
    Configuration draw(SplittableRandom random) {
        Method method = methods.get(random.nextInt(methods.size()));
        Configuration shape = shape(
                method,
                random.nextInt(choices(method.ranked(), ranks)),
                random.nextInt(choices(method.targeted(), targets)));
        return rates.isEmpty() ? shape : learning(shape, rate(random));
    }

    private double rate(SplittableRandom random) {
        double lowest = Math.log(rates.get(0));
        double drawn = Math.exp(lowest + random.nextDouble() * (Math.log(rates.get(rates.size() - 1)) - lowest));
        return rates.stream().filter(rate -> rate >= drawn).findFirst().orElse(rates.get(rates.size() - 1));
    }

    /**
     * Where a configuration lies: every dimension from 0 to 1, numbers by their logarithms, and one dimension for each name.
     */
    double[] point(Configuration configuration) {
        JsonNode values = configuration.values();
        List<Double> point = new ArrayList<>();
        for (Method method : methods) {
            point.add(method.name().equals(values.path(Configuration.METHOD).asText()) ? 1.0 : 0.0);
        }
        for (JsonNode target : targets) {
            point.add(target.equals(values.path(Configuration.TARGETS)) ? 1.0 : 0.0);
        }
        point.add(place(
                values.path(Configuration.RANK),
                ranks.stream().map(Integer::doubleValue).toList()));
        point.add(place(values.path(Configuration.RATE), rates));
        return point.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static double place(JsonNode value, List<Double> values) {
        double lowest = values.stream().mapToDouble(Math::log).min().orElse(0);
        double highest = values.stream().mapToDouble(Math::log).max().orElse(0);
        return value.isNumber() && highest > lowest ? (Math.log(value.asDouble()) - lowest) / (highest - lowest) : 0;
    }
}
