package io.tandem.scheduler;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.TrainingPack;
import io.tandem.scheduler.Rejection.Reason;
import io.tandem.scheduler.finetune.FinetuneJob;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.loop.IterationLoop;
import java.util.Arrays;
import java.util.Optional;

/** What can never be served is refused before it waits. */
final class Admission {
    private final KernelsConfig limits;
    private final SchedulerConfig config;
    private final int maxTokens;

    Admission(DeviceModel device, SchedulerConfig config) {
        this.limits = device.limits();
        this.config = config;
        this.maxTokens = Math.min(limits.contextTokens(), IterationLoop.kvBudget(device, config));
    }

    /** Longest prompt and answer together. */
    int maxTokens() {
        return maxTokens;
    }

    int maxOpenRequests() {
        return config.maxQueuedRequests() + limits.kvSlots();
    }

    Optional<Rejection> check(InferenceRequest request) {
        int length = request.prompt().length;
        if (length == 0) {
            return refuse(Reason.PROMPT_EMPTY, "the prompt has no tokens");
        }
        if (length >= maxTokens) {
            return refuse(
                    Reason.PROMPT_TOO_LONG,
                    "the prompt has " + length + " tokens; prompt and answer together may have " + maxTokens);
        }
        int adapters = request.adapters().size();
        if (adapters > limits.adapterSlots()) {
            return refuse(
                    Reason.TOO_MANY_ADAPTERS,
                    "the request stacks " + adapters + " adapters, kernels.adapter-slots is " + limits.adapterSlots());
        }
        return request.adapters().stream()
                .map(version -> version.adapter().maxRank())
                .filter(rank -> rank > limits.maxRank())
                .findFirst()
                .flatMap(this::rankTooLarge);
    }

    Optional<Rejection> check(FinetuneJob job) {
        if (job.lora().rank() > limits.maxRank()) {
            return rankTooLarge(job.lora().rank());
        }
        if (job.examples().isEmpty()) {
            return refuse(Reason.NOTHING_TO_LEARN, "the job has no examples");
        }
        int most = Math.min(limits.contextTokens(), limits.packTokens());
        for (int i = 0; i < job.examples().size(); i++) {
            TrainingPack.Sequence example = job.examples().get(i);
            if (example.tokens().length > most) {
                return refuse(
                        Reason.EXAMPLE_TOO_LONG,
                        "example " + (i + 1) + " has " + example.tokens().length + " tokens, at most " + most
                                + " are possible");
            }
            if (Arrays.stream(example.labels()).allMatch(label -> label == TrainingPack.IGNORED)) {
                return refuse(Reason.NOTHING_TO_LEARN, "example " + (i + 1) + " has no token to learn");
            }
        }
        return Optional.empty();
    }

    private Optional<Rejection> rankTooLarge(int rank) {
        return refuse(
                Reason.ADAPTER_TOO_LARGE, "the adapter has rank " + rank + ", kernels.max-rank is " + limits.maxRank());
    }

    private static Optional<Rejection> refuse(Reason reason, String message) {
        return Optional.of(new Rejection(reason, message));
    }
}
