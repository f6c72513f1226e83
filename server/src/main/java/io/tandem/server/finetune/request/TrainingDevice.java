package io.tandem.server.finetune.request;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.MemoryPlan;
import io.tandem.kernels.OptimizerConfig;
import io.tandem.kernels.adapter.AdapterConfig;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.Ia3Config;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.learning.LearningPolicy;
import io.tandem.kernels.adapter.learning.TeacherPolicy;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.scheduler.slo.CostKind;
import io.tandem.scheduler.slo.LatencyReport;
import io.tandem.server.api.ApiException;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * What training costs here, told before anything trains.
 *
 * @param model the base model
 * @param limits of the device
 * @param memoryBytes that training may take
 * @param latency what iterations are believed to cost now
 */
public record TrainingDevice(
        ModelConfig model, KernelsConfig limits, long memoryBytes, Supplier<LatencyReport> latency) {

    public MemoryPlan memory(PeftMethod method, OptimizerConfig optimizer) {
        return MemoryPlan.training(model, limits, method, optimizer);
    }

    /** @param totalSteps of the job */
    public MemoryPlan memory(JobSpec spec, int totalSteps) {
        int sensed = spec.learning().sensedLayers(model.layers(), totalSteps);
        return memory(spec.method(), spec.optimizer()).plus(MemoryPlan.sensing(model, limits.lanes(), sensed));
    }

    /**
     * The one that takes most memory.
     *
     * @throws ApiException if one of them cannot be trained here at all
     */
    public JobSpec largest(List<JobSpec> specs) {
        specs.forEach(spec -> {
            requireShape(spec.method());
            requireTeacher(spec.learning());
        });
        return specs.stream()
                .max(Comparator.comparingLong(
                        spec -> memory(spec.method(), spec.optimizer()).total()))
                .orElseThrow();
    }

    /** @throws ApiException if it learns from a teacher, and there is none, or what this model has not */
    public void requireTeacher(LearningPolicy policy) {
        if (policy instanceof TeacherPolicy && limits.teacher().isEmpty()) {
            throw ApiException.invalid(
                    JobLearns.FIELD,
                    "'" + JobLearns.FIELD + "' cannot be '" + policy.name()
                            + "' here: the server has no teacher, which kernels.teacher names.");
        }
        if (policy instanceof TeacherPolicy teacher
                && teacher.exitWeight() > 0
                && model.recursion().isEmpty()) {
            throw ApiException.invalid(
                    JobLearns.FIELD,
                    "'" + JobLearns.FIELD + "' cannot have an 'exit_weight' here: tokens leave recursive models early,"
                            + " and this is none.");
        }
    }

    /** @throws ApiException if adapters of the rank have no place on the device, or the model lacks one of the modules */
    public void requireShape(PeftMethod method) {
        AdapterConfig config = method.config();
        Set<String> known = model.modules().stream().map(TargetModule::label).collect(Collectors.toSet());
        // Whoever names none means those of the usual ones that the model has.
        boolean unnamed =
                Set.of(LoraConfig.everyLinear(), Ia3Config.usualLinears()).contains(config.targets());
        config.targets().stream()
                .filter(TargetModule::isLinear)
                .map(TargetModule::label)
                .filter(label -> !unnamed && !known.contains(label))
                .min(Comparator.naturalOrder())
                .ifPresent(label -> {
                    throw ApiException.invalid(
                            "target_modules",
                            "'target_modules' names " + label + "; the linears of this model are " + model.moduleNames()
                                    + ".");
                });
        config.layers().stream()
                .filter(layer -> layer >= model.layers())
                .max(Comparator.naturalOrder())
                .ifPresent(layer -> {
                    throw ApiException.invalid(
                            "layers",
                            "'layers' has " + layer + ", and the last layer of this model is " + (model.layers() - 1)
                                    + ".");
                });
        Optional<String> refusal = method.makesBase() && limits.weights().many().isQuantized()
                ? Optional.of("needs the weights as they are in the files, and here they have "
                        + limits.weights().many().label() + " (kernels.weight-form)")
                : method.refusal(model);
        refusal.ifPresent(why -> {
            throw ApiException.invalid("peft", "'" + method.name() + "' " + why + ".");
        });
        int most = method.maxRank(model, limits.maxRank());
        if (config.rank() > most) {
            String why = most < limits.maxRank() ? method.name() + " takes at most " + most + " where " : "";
            throw ApiException.invalid(
                    "rank",
                    "'rank' is " + config.rank() + ", " + why + "kernels.max-rank is " + limits.maxRank() + ".");
        }
        config.invocation().stream()
                .flatMap(invocation -> invocation.tokens().stream())
                .filter(token -> token >= model.vocab())
                .findFirst()
                .ifPresent(token -> {
                    throw ApiException.invalid(
                            "invocation_tokens",
                            "'invocation_tokens' has " + token + ", the vocabulary ends with " + (model.vocab() - 1)
                                    + ".");
                });
        requireFull(method);
        if (method.bottleneckWidth() > limits.maxRank()) {
            throw ApiException.invalid(
                    "bottleneck_size",
                    "'bottleneck_size' is " + method.bottleneckWidth() + ", kernels.max-rank is " + limits.maxRank()
                            + " and limits it too.");
        }
        if (method.virtualTokens() > limits.maxRank()) {
            throw ApiException.invalid(
                    "virtual_tokens",
                    "'virtual_tokens' is " + method.virtualTokens() + ", kernels.max-rank is " + limits.maxRank()
                            + " and limits them too.");
        }
    }

    private void requireFull(PeftMethod method) {
        int modules = method.fullModules().size();
        if (modules > limits.fullModules()) {
            throw ApiException.invalid(
                    FullFields.SAVED,
                    String.format(
                            Locale.ROOT,
                            "'modules_to_save' names %d, and kernels.full-modules, how many adapters may have on this server"
                                    + " together, is %d; each takes %.1f MB.",
                            modules,
                            limits.fullModules(),
                            limits.dtype().bytes() * FullModule.numbers(model) / 1e6));
        }
        // What is exported, and stored here, is float32, and no tensor of a file may have more.
        if (modules > 0 && Float.BYTES * FullModule.numbers(model) > Integer.MAX_VALUE) {
            throw ApiException.invalid(
                    FullFields.SAVED,
                    "'modules_to_save' cannot be used with this model: a matrix of " + model.vocab() + " times "
                            + model.hidden() + " numbers takes more than 2 GiB in float32.");
        }
    }

    /**
     * @param field of the request that asks for it
     * @throws ApiException with the numbers, if the plan is more than training may take
     */
    public MemoryPlan requireFits(String field, PeftMethod method, OptimizerConfig optimizer) {
        requireShape(method);
        return requireFits(field, memory(method, optimizer));
    }

    /**
     * @param plan of the job
     * @throws ApiException as above
     */
    public MemoryPlan requireFits(String field, MemoryPlan plan) {
        if (plan.total() > memoryBytes) {
            throw ApiException.invalid(
                    field,
                    String.format(
                            Locale.ROOT,
                            "The job needs %.1f MB for training and %.1f MB are there (training-memory-bytes). A smaller"
                                    + " 'rank', 'optimizer': 'adamw_8bit', fewer kernels.pack-tokens or kernels.stash"
                                    + " 'recompute' need less. The plan:%n%s",
                            plan.total() / 1e6,
                            memoryBytes / 1e6,
                            plan));
        }
        return plan;
    }

    /**
     * Seconds that so many tokens take when nobody else is served, as far as the server has learned by now.
     *
     * @param learning those that go backward too
     */
    public double seconds(long tokens, long learning) {
        Map<CostKind, Double> costs = latency.get().secondsPerUnit();
        double forward = cost(costs, CostKind.COMPUTED_ROW) + cost(costs, CostKind.FORWARD_ROW);
        return tokens * forward + learning * model.layers() * cost(costs, CostKind.BACKWARD_ROW_LAYER);
    }

    private static double cost(Map<CostKind, Double> costs, CostKind kind) {
        return costs.getOrDefault(kind, 0.0);
    }
}
