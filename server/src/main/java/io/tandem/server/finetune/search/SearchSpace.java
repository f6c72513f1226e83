package io.tandem.server.finetune.search;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * All configurations that a search may try. A dimension without values is not searched.
 *
 * @param methods at least one
 * @param ranks of the methods that have one
 * @param targets values of {@code target_modules}, of the methods that have them
 * @param layers groups of layers, each of which is adapted or left out, but never all of them left out (as in AutoPEFT, Zhou et
 *     al., 2024); of the methods that have layers
 * @param rates learning rates, the lowest first; drawn evenly on a logarithmic scale
 */
public record SearchSpace(
        List<Method> methods,
        List<Integer> ranks,
        List<JsonNode> targets,
        List<SortedSet<Integer>> layers,
        List<Double> rates) {

    /** Most groups of layers. */
    public static final int MOST_GROUPS = 32;

    /**
     * @param ranked whether it has a rank
     * @param targeted whether it has target modules
     * @param layered whether it can leave layers out
     * @param learns values of {@code learns} that it takes; all parameters learn by one that is no object
     */
    public record Method(String name, boolean ranked, boolean targeted, boolean layered, List<JsonNode> learns) {
        public Method {
            learns = List.copyOf(learns);
        }
    }

    public SearchSpace {
        methods = List.copyOf(methods);
        ranks = List.copyOf(ranks);
        targets = List.copyOf(targets);
        layers = List.copyOf(layers);
        rates = List.copyOf(rates);
    }

    /** Its configurations without a learning rate and without layers that are left out: none takes more memory. */
    public List<Configuration> shapes() {
        List<Configuration> shapes = new ArrayList<>();
        for (Method method : methods) {
            for (int rank = 0; rank < choices(method.ranked(), ranks); rank++) {
                for (int target = 0; target < choices(method.targeted(), targets); target++) {
                    for (int learns = 0; learns < choices(true, method.learns()); learns++) {
                        shapes.add(shape(method, rank, target, learns));
                    }
                }
            }
        }
        return shapes;
    }

    private static int choices(boolean has, List<?> values) {
        return has ? Math.max(1, values.size()) : 1;
    }

    private Configuration shape(Method method, int rank, int target, int learns) {
        ObjectNode values = JsonBody.MAPPER.createObjectNode();
        values.put(Configuration.METHOD, method.name());
        if (method.ranked() && !ranks.isEmpty()) {
            values.put(Configuration.RANK, ranks.get(rank));
        }
        if (method.targeted() && !targets.isEmpty()) {
            values.set(Configuration.TARGETS, targets.get(target));
        }
        if (!method.learns().isEmpty() && method.learns().get(learns).isObject()) {
            values.set(Configuration.LEARNS, method.learns().get(learns));
        }
        Configuration shape = new Configuration(values);
        return method.layered() && !layers.isEmpty() ? adapting(shape, subsets()) : shape;
    }

    /** How many ways there are to leave groups of layers out; the last one leaves none out. */
    private long subsets() {
        return (1L << layers.size()) - 1;
    }

    /** @param groups those that are adapted, a bit for each */
    private Configuration adapting(Configuration shape, long groups) {
        SortedSet<Integer> adapted = new TreeSet<>();
        for (int group = 0; group < layers.size(); group++) {
            if (((groups >> group) & 1) == 1) {
                adapted.addAll(layers.get(group));
            }
        }
        ObjectNode values = shape.values().deepCopy();
        adapted.forEach(values.putArray(Configuration.LAYERS)::add);
        return new Configuration(values);
    }

    /** How many configurations there are. */
    public long size() {
        return shapes().stream()
                        .mapToLong(shape -> layered(shape) ? subsets() : 1)
                        .sum()
                * Math.max(1, rates.size());
    }

    private static boolean layered(Configuration shape) {
        return shape.values().has(Configuration.LAYERS);
    }

    /** All of them. */
    Stream<Configuration> all() {
        Stream<Configuration> adapting = shapes().stream()
                .flatMap(shape -> layered(shape)
                        ? LongStream.rangeClosed(1, subsets()).mapToObj(groups -> adapting(shape, groups))
                        : Stream.of(shape));
        return rates.isEmpty()
                ? adapting
                : adapting.flatMap(shape -> rates.stream().map(rate -> learning(shape, rate)));
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
                random.nextInt(choices(method.targeted(), targets)),
                random.nextInt(choices(true, method.learns())));
        if (layered(shape)) {
            shape = adapting(shape, random.nextLong(1, subsets() + 1));
        }
        return rates.isEmpty() ? shape : learning(shape, rate(random));
    }

    private double rate(SplittableRandom random) {
        double lowest = Math.log(rates.get(0));
        double drawn = Math.exp(lowest + random.nextDouble() * (Math.log(rates.get(rates.size() - 1)) - lowest));
        return rates.stream().filter(rate -> rate >= drawn).findFirst().orElse(rates.get(rates.size() - 1));
    }

    /**
     * Where a configuration lies: every dimension from 0 to 1, numbers by their logarithms, and one dimension for each name and
     * each group of layers.
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
        methods.stream()
                .flatMap(method -> method.learns().stream())
                .distinct()
                .forEach(learns -> point.add(learns.equals(values.path(Configuration.LEARNS)) ? 1.0 : 0.0));
        for (SortedSet<Integer> group : layers) {
            point.add(adapts(values.path(Configuration.LAYERS), group.first()) ? 1.0 : 0.0);
        }
        point.add(place(
                values.path(Configuration.RANK),
                ranks.stream().map(Integer::doubleValue).toList()));
        point.add(place(values.path(Configuration.RATE), rates));
        return point.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static boolean adapts(JsonNode layers, int layer) {
        for (JsonNode adapted : layers) {
            if (adapted.intValue() == layer) {
                return true;
            }
        }
        return false;
    }

    private static double place(JsonNode value, List<Double> values) {
        double lowest = values.stream().mapToDouble(Math::log).min().orElse(0);
        double highest = values.stream().mapToDouble(Math::log).max().orElse(0);
        return value.isNumber() && highest > lowest ? (Math.log(value.asDouble()) - lowest) / (highest - lowest) : 0;
    }
}
