package io.tandem.server.finetune.request;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.learning.DasPolicy;
import io.tandem.kernels.adapter.learning.IstPolicy;
import io.tandem.kernels.adapter.learning.LearningPolicy;
import io.tandem.kernels.adapter.learning.LightPeftPolicy;
import io.tandem.kernels.adapter.learning.PdpPolicy;
import io.tandem.kernels.adapter.learning.SptPolicy;
import io.tandem.kernels.adapter.learning.TeacherPolicy;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.server.api.JsonBody;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The field of a job's hyperparameters that says which of the adapter's parameters learn in a step. */
final class JobLearns {
    static final String FIELD = "learns";

    /**
     * A policy that jobs can name.
     *
     * @param fields that are settings of it
     */
    private record Choice(Set<String> fields, Function<JsonBody, LearningPolicy> reader) {}

    private static final Map<String, Choice> POLICIES = policies();

    private JobLearns() {}

    private static Map<String, Choice> policies() {
        Map<String, Choice> policies = new LinkedHashMap<>();
        policies.put(
                IstPolicy.NAME,
                new Choice(
                        Set.of("share", "probe_every"),
                        learns -> new IstPolicy(
                                learns.optionalNumber("share", 0.01, 1).orElse(IstPolicy.DEFAULT_SHARE),
                                learns.optionalInt("probe_every", 1, 1_000_000)
                                        .orElse(IstPolicy.DEFAULT_PROBE_EVERY))));
        policies.put(
                PdpPolicy.NAME,
                new Choice(
                        Set.of("sparsity"),
                        learns -> new PdpPolicy(
                                learns.optionalNumber("sparsity", 0.01, 0.99).orElse(PdpPolicy.DEFAULT_SPARSITY))));
        policies.put(
                LightPeftPolicy.NAME,
                new Choice(
                        Set.of("module_sparsity", "sparsity", "estimation"),
                        learns -> new LightPeftPolicy(
                                learns.optionalNumber("module_sparsity", 0, 0.99)
                                        .orElse(LightPeftPolicy.DEFAULT_MODULE_SPARSITY),
                                learns.optionalNumber("sparsity", 0.01, 0.99).orElse(LightPeftPolicy.DEFAULT_SPARSITY),
                                learns.optionalNumber("estimation", 0.01, 0.9)
                                        .orElse(LightPeftPolicy.DEFAULT_ESTIMATION))));
        policies.put(
                SptPolicy.NAME,
                new Choice(
                        Set.of("budget"),
                        learns -> new SptPolicy(
                                learns.optionalNumber("budget", 0.01, 1).orElse(SptPolicy.DEFAULT_BUDGET))));
        policies.put(
                DasPolicy.NAME,
                new Choice(
                        Set.of("skip", "search", "probe_every"),
                        learns -> new DasPolicy(
                                learns.optionalNumber("skip", 0.01, 0.9).orElse(DasPolicy.DEFAULT_SKIP),
                                learns.optionalNumber("search", 0.01, 0.9).orElse(DasPolicy.DEFAULT_SEARCH),
                                learns.optionalInt("probe_every", 1, 1_000_000)
                                        .orElse(DasPolicy.DEFAULT_PROBE_EVERY))));
        policies.put(
                TeacherPolicy.NAME,
                new Choice(
                        Set.of("exit_weight"),
                        learns -> new TeacherPolicy(
                                learns.optionalNumber("exit_weight", 0, 1).orElse(0))));
        return policies;
    }

    /**
     * The policy.
     *
     * @throws io.tandem.server.api.ApiException naming the field that is wrong
     */
    static LearningPolicy parse(JsonBody hyper, PeftMethod method) {
        LearningPolicy usual = JobSparsity.policy(hyper, method);
        LearningPolicy policy = hyper.optionalObject(FIELD)
                .map(learns -> chosen(hyper, read(learns), usual, method))
                .orElse(usual);
        if (policy.leavesTheLast()) {
            requireTheLast(hyper, policy.name());
        }
        return policy;
    }

    private static LearningPolicy chosen(
            JsonBody hyper, LearningPolicy policy, LearningPolicy usual, PeftMethod method) {
        Optional<String> why = usual == LearningPolicy.EVERYTHING
                ? policy.refusal(method)
                : Optional.of("is another choice than that of '" + method.name() + "'");
        why.ifPresent(reason -> {
            throw hyper.invalid(FIELD, "cannot be '" + policy.name() + "' here: it " + reason + ".");
        });
        return policy;
    }

    /**
     * Whether a method takes one of those that are searched.
     *
     * @throws io.tandem.server.api.ApiException naming the field that is wrong
     */
    static boolean takes(JsonBody space, JsonNode searched, int index, PeftMethod method) {
        return read(space.element(FIELD, searched, index)).refusal(method).isEmpty();
    }

    private static void requireTheLast(JsonBody hyper, String name) {
        String why = "cannot be had together with '" + name + "', which is complete only after the last step.";
        if (hyper.optionalBoolean("keep_best", false)) {
            throw hyper.invalid("keep_best", why);
        }
        if (hyper.find("early_stopping_patience") != null) {
            throw hyper.invalid("early_stopping_patience", why);
        }
    }

    private static LearningPolicy read(JsonBody learns) {
        Set<String> all = Stream.concat(
                        Stream.of("type"), POLICIES.values().stream().flatMap(choice -> choice.fields().stream()))
                .collect(Collectors.toSet());
        learns.rejectUnknown(all);
        String name = learns.requiredString("type", 16);
        Choice choice = POLICIES.get(name);
        if (choice == null) {
            throw learns.invalid("type", "must be one of: " + String.join(", ", POLICIES.keySet()) + ".");
        }
        all.stream()
                .sorted()
                .filter(field -> !field.equals("type") && !choice.fields().contains(field))
                .filter(field -> learns.find(field) != null)
                .findFirst()
                .ifPresent(field -> {
                    throw learns.invalid(field, "is not a setting of '" + name + "'; leave it out.");
                });
        return choice.reader().apply(learns);
    }
}
