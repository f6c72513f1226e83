package io.tandem.server;

import io.tandem.kernels.DeviceModel;
import io.tandem.kernels.MemoryReport;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.server.config.ServerConfig;
import io.tandem.server.text.ServedModel;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says at the start what runs: an operator who reads a log later finds there which server wrote it. */
final class StartupLog {
    private static final Logger LOG = LoggerFactory.getLogger(StartupLog.class);
    private static final double MEGA = 1e6;

    private StartupLog() {}

    /** @param trainingBytes that fine-tuning may take */
    static void write(ServerConfig config, DeviceModel device, ServedModel model, long trainingBytes, String url) {
        int threads = device.limits().threads();
        LOG.info(
                "{}, Java {}, {} processors, {} threads per operation",
                Main.version(),
                Runtime.version().feature(),
                Runtime.getRuntime().availableProcessors(),
                threads);
        LOG.info(
                "model '{}' from {}: {}, {} million parameters, context of {} tokens (the model's maximum is {})",
                model.name(),
                config.model(),
                model.shape().architecture(),
                String.format(Locale.ROOT, "%.1f", parameters(model.shape()) / MEGA),
                model.contextTokens(),
                model.shape().maxPositions());
        MemoryReport memory = device.memory();
        LOG.info(
                "memory: weights {} MB, KV cache {} MB, adapter slots {} MB, up to {} MB for fine-tuning, heap {} MB",
                megabytes(memory.weightBytes()),
                megabytes(memory.kvCacheBytes()),
                megabytes(memory.adapterBytes()),
                megabytes(trainingBytes),
                megabytes(Runtime.getRuntime().maxMemory()));
        LOG.info("data directory {}", config.data().toAbsolutePath().normalize());
        config.storage().database().ifPresent(address -> LOG.info("documents in the database {}", address));
        config.storage().bucket().ifPresent(address -> LOG.info("files, adapters and checkpoints in {}", address));
        LOG.info("listening on {}", url);
    }

    private static long megabytes(long bytes) {
        return Math.round(bytes / MEGA);
    }

    /** Weights of the linear layers and embeddings; norms and biases are too few to be seen. */
    static long parameters(ModelConfig shape) {
        long embedding = (long) shape.vocab() * shape.hidden();
        return (shape.tiedEmbeddings() ? 1 : 2) * embedding + shape.layerParameters();
    }
}
