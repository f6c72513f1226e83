package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Parameter;
import io.tandem.kernels.adapter.Prefix;
import java.util.Map;
import java.util.TreeMap;

/** How far gradients are from others, parameter by parameter. */
final class GradientErrors {
    /**
     * Of the whole gradient's norm. What is less is the rest of sums that nearly cancel, as where a module learns a single
     * number, and has the rounding of those sums. Where texts have one token, queries and keys learn nothing else.
     */
    private static final double SMALL_PART = 0.01;

    private GradientErrors() {}

    /** Of each parameter the error relative to its norm, or to a small part of the whole one; in {@code ""} that of all together. */
    static Map<String, Double> of(Adapter expected, Adapter actual) {
        Map<String, Parameter> found = parameters(actual);
        Map<String, Parameter> right = parameters(expected);
        assertThat(found.keySet()).isEqualTo(right.keySet());
        double whole = Math.sqrt(right.values().stream()
                .mapToDouble(parameter -> squares(parameter.values(), new float[parameter.values().length]))
                .sum());
        double all = 0;
        Map<String, Double> errors = new TreeMap<>();
        for (Map.Entry<String, Parameter> entry : right.entrySet()) {
            float[] values = entry.getValue().values();
            double difference = squares(values, found.get(entry.getKey()).values());
            double norm = Math.sqrt(squares(values, new float[values.length]));
            all += difference;
            errors.put(entry.getKey(), Math.sqrt(difference) / Math.max(norm, SMALL_PART * whole));
        }
        errors.put("", Math.sqrt(all) / whole);
        return errors;
    }

    private static double squares(float[] some, float[] others) {
        double sum = 0;
        for (int i = 0; i < some.length; i++) {
            sum += Math.pow(some[i] - others[i], 2);
        }
        return sum;
    }

    /** By the module that they belong to, and their own names. */
    static Map<String, Parameter> parameters(Adapter adapter) {
        Map<String, Parameter> parameters = new TreeMap<>();
        adapter.modules()
                .forEach((site, change) -> change.parameters().forEach(p -> parameters.put(site + " " + p.name(), p)));
        adapter.prefix().map(Prefix::parameter).ifPresent(p -> parameters.put(p.name(), p));
        adapter.full().values().forEach(p -> parameters.put(p.name(), p));
        return parameters;
    }
}
