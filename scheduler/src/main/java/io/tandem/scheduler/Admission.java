package io.tandem.scheduler;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.TrainingPack;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.scheduler.Rejection.Reason;
import io.tandem.scheduler.TokenSource.Submission;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.FullModules;
import io.tandem.scheduler.finetune.Example;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.loop.IterationLoop;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** What can never be served is refused before it waits. */
final class Admission {
    private final ModelConfig model;
    private final KernelsConfig limits;
    private final SchedulerConfig config;
    private final int maxTokens;

    Admission(DeviceModel device, SchedulerConfig config) {
        this.model = device.model();
        this.limits = device.limits();
        this.config = config;
        this.maxTokens = Math.min(limits.contextTokens(), IterationLoop.kvBudget(device, config));
    }

    /** Longest prompt and answer together. */
    int maxTokens() {
        return maxTokens;
    }

    /** Answers that may run or wait at once. */
    int maxOpenRequests() {
        return config.maxQueuedRequests() + limits.kvSlots();
    }

    Optional<Rejection> check(List<Submission> answers) {
        if (answers.size() > maxOpenRequests()) {
            return refuse(
                    Reason.TOO_MANY_ANSWERS,
                    "the request asks for " + answers.size() + " answers, at most " + maxOpenRequests()
                            + " may run or wait together; ask for fewer or raise scheduler.max-queued-requests");
        }
        return answers.stream()
                .flatMap(answer -> check(answer.request()).stream())
                .findFirst();
    }

    private Optional<Rejection> check(InferenceRequest request) {
        int length = request.prompt().length;
        if (length == 0) {
            return refuse(Reason.PROMPT_EMPTY, "the prompt has no tokens");
        }
        int virtual = request.virtualTokens();
        if (virtual + length >= maxTokens) {
            return refuse(
                    Reason.PROMPT_TOO_LONG,
                    "the prompt has " + length + " tokens"
                            + (virtual > 0 ? " and the adapter puts " + virtual + " virtual ones before them" : "")
                            + "; prompt and answer together may have " + (maxTokens - virtual)
                            + (maxTokens < limits.contextTokens()
                                    ? " (scheduler.kv-cache-tokens)"
                                    : " (kernels.context-tokens)"));
        }
        int adapters = request.adapters().size();
        int slots = config.servingSlots(limits);
        if (adapters > slots) {
            return refuse(
                    Reason.TOO_MANY_ADAPTERS,
                    "the request stacks " + adapters + " adapters, kernels.adapter-slots is " + slots);
        }
        if (withVirtual(request.adapters()) > 1) {
            return refuse(
                    Reason.TOO_MANY_ADAPTERS, "the request stacks several adapters that have virtual tokens, one may");
        }
        Optional<FullModule> twice = FullModules.twice(Set.of(), request.adapters());
        if (twice.isPresent()) {
            return refuse(
                    Reason.TOO_MANY_ADAPTERS,
                    "the request stacks several adapters that have "
                            + twice.get().label() + " in full (modules_to_save), one may");
        }
        int modules = FullModules.count(request.adapters());
        if (modules > limits.fullModules()) {
            return refuse(
                    Reason.TOO_MANY_ADAPTERS,
                    "the request stacks adapters that have " + modules
                            + " modules in full (modules_to_save), kernels.full-modules is " + limits.fullModules());
        }
        return request.adapters().stream()
                .map(version -> version.adapter().maxRank())
                .filter(rank -> rank > limits.maxRank())
                .findFirst()
                .flatMap(this::rankTooLarge);
    }

    private static long withVirtual(List<AdapterVersion> adapters) {
        return adapters.stream()
                .filter(version -> version.adapter().virtualTokens() > 0)
                .count();
    }

    Optional<Rejection> check(FinetuneJob job) {
        PeftMethod method = job.method();
        if (method.config().rank() > method.maxRank(model, limits.maxRank())) {
            return rankTooLarge(method.config().rank());
        }
        if (job.training().isEmpty() && job.validation().isEmpty()) {
            return refuse(Reason.NOTHING_TO_LEARN, "the job has no examples");
        }
        if (job.mostFrozen() > FinetuneJob.MAX_UNDER) {
            return refuse(
                    Reason.TOO_MANY_ADAPTERS,
                    "the job stacks its adapter on " + job.mostFrozen() + " others, at most " + FinetuneJob.MAX_UNDER
                            + " are possible");
        }
        long own = job.method().virtualTokens() > 0 ? 1 : 0;
        boolean several = Stream.concat(job.training().stream(), job.validation().stream())
                .anyMatch(example -> own + withVirtual(job.below(example)) > 1);
        if (several) {
            return refuse(
                    Reason.TOO_MANY_ADAPTERS, "the job stacks several adapters that have virtual tokens, one may");
        }
        Optional<FullModule> twice = Stream.concat(job.training().stream(), job.validation().stream())
                .flatMap(example -> FullModules.twice(method.fullModules(), job.below(example)).stream())
                .findFirst();
        if (twice.isPresent()) {
            return refuse(
                    Reason.TOO_MANY_ADAPTERS,
                    "the job stacks several adapters that have " + twice.get().label()
                            + " in full (modules_to_save), one may");
        }
        Optional<AdapterVersion> activated = Stream.concat(job.training().stream(), job.validation().stream())
                .flatMap(example -> job.below(example).stream())
                .filter(version ->
                        job.trains() && version.adapter().invocation().isPresent())
                .findFirst();
        if (activated.isPresent()) {
            return refuse(
                    Reason.UNFIT_ADAPTER,
                    "the job stacks its adapter on '" + activated.get().name()
                            + "', which acts from its invocation tokens on; what lies below a trained adapter acts on"
                            + " whole texts");
        }
        return check("example", job, job.training()).or(() -> check("validation example", job, job.validation()));
    }

    private Optional<Rejection> check(String what, FinetuneJob job, List<Example> examples) {
        int sequences = job.settings().objective().sequences();
        for (int i = 0; i < examples.size(); i++) {
            Example example = job.prepared(examples.get(i), job.trains());
            int before = job.before(examples.get(i), job.trains());
            String which = what + " " + (i + 1);
            if (example.sequences().size() != sequences) {
                return refuse(
                        Reason.WRONG_EXAMPLE,
                        which + " has " + example.sequences().size() + " sequences, the job's objective needs "
                                + sequences);
            }
            for (TrainingPack.Sequence sequence : example.sequences()) {
                int length = before + sequence.tokens().length;
                if (length > limits.contextTokens()) {
                    return tooLong(which, length, limits.contextTokens(), "kernels.context-tokens");
                }
                if (Arrays.stream(sequence.labels()).allMatch(label -> label == TrainingPack.IGNORED)) {
                    return refuse(Reason.NOTHING_TO_LEARN, which + " has no token to learn");
                }
                if (job.trains() && !sequence.learnsWhereTheLastActs()) {
                    return refuse(
                            Reason.NOTHING_TO_LEARN,
                            which + " has no token to learn behind the adapter's invocation, or lacks that");
                }
            }
            if (example.rows() > limits.packTokens()) {
                return tooLong(which, example.rows(), limits.packTokens(), "kernels.pack-tokens");
            }
        }
        return Optional.empty();
    }

    private static Optional<Rejection> tooLong(String which, int tokens, int most, String setting) {
        return refuse(
                Reason.EXAMPLE_TOO_LONG,
                which + " has " + tokens + " tokens, at most " + most + " are possible (" + setting + ")");
    }

    private Optional<Rejection> rankTooLarge(int rank) {
        return refuse(
                Reason.ADAPTER_TOO_LARGE, "the adapter has rank " + rank + ", kernels.max-rank is " + limits.maxRank());
    }

    private static Optional<Rejection> refuse(Reason reason, String message) {
        return Optional.of(new Rejection(reason, message));
    }
}
