package io.tandem.server.config;

import io.tandem.kernels.KernelsConfig;
import io.tandem.scheduler.SchedulerConfig;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Everything that can be set. Each part checks its own values.
 *
 * @param http where to listen
 * @param operation how the server ends, and watches itself
 * @param data directory of uploaded files, jobs and adapters; created when missing
 * @param storage what else keeps them
 * @param model the base model: a directory in HuggingFace's layout, a GGUF file, or the name of a model of the hub
 * @param modelName what clients call the base model by; the name of the directory or file if not given
 * @param sampling where a request does not say
 * @param parsers what is looked for in the answers to chats
 * @param adapterRoot directory below which clients may name adapters to load
 * @param trainingMemoryBytes native memory that fine-tuning may take; 0 means what the machine has left
 * @param finetune what fine-tuning jobs leave behind
 * @param batches what they may take
 * @param adapters where adapters live
 * @param scheduler its limits and targets
 * @param kernels limits of the device
 */
public record ServerConfig(
        HttpConfig http,
        OperationConfig operation,
        Path data,
        StorageConfig storage,
        Path model,
        Optional<String> modelName,
        SamplingConfig sampling,
        ParserConfig parsers,
        Path adapterRoot,
        long trainingMemoryBytes,
        FinetuneConfig finetune,
        BatchesConfig batches,
        AdaptersConfig adapters,
        SchedulerConfig scheduler,
        KernelsConfig kernels) {

    private static final String GGUF = "(?i)\\.gguf$";

    public ServerConfig {
        if (trainingMemoryBytes < 0) {
            throw new IllegalArgumentException(
                    "training-memory-bytes is " + trainingMemoryBytes + ", expected 0 or more");
        }

        // A fixed window that has no room beside the decode rows would wait for ever.
        int window = scheduler.finetuning().fixedWindowTokens();
        int room = kernels.maxTokensPerIteration() - kernels.kvSlots();
        if (window > 0 && window > room) {
            throw new IllegalArgumentException("scheduler.fixed-window-tokens is " + window + ", expected at most "
                    + room + ", kernels.max-tokens-per-iteration less kernels.kv-slots");
        }
    }

    /** The same with another model, which clients call by this name unless the settings say otherwise. */
    public ServerConfig withModel(Path directory, String name) {
        return new ServerConfig(
                http,
                operation,
                data,
                storage,
                directory,
                modelName.or(() -> Optional.of(name)),
                sampling,
                parsers,
                adapterRoot,
                trainingMemoryBytes,
                finetune,
                batches,
                adapters,
                scheduler,
                kernels);
    }

    /** What clients call the base model by. */
    public String servedName() {
        return modelName.orElseGet(() ->
                String.valueOf(model.toAbsolutePath().normalize().getFileName()).replaceFirst(GGUF, ""));
    }
}
