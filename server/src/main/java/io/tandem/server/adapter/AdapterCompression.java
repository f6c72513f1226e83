package io.tandem.server.adapter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.compeft.CompressionSettings;
import io.tandem.kernels.adapter.compeft.CompressionSettings.Scale;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.api.JsonBody;
import io.tandem.server.config.AdaptersConfig;
import io.tandem.server.storage.AdapterStore.Compressed;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes adapters small, when somebody asks for it or when nobody has asked for them for long. */
public final class AdapterCompression {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterCompression.class);
    private static final double DENSITY_DEFAULT = 0.2;
    private static final double ALPHA_MAX = 1e6;
    private static final int SWEEPS_DEFAULT = 20;
    private static final int SWEEPS_MAX = 1000;
    private static final double MILLIS = 1000;

    private final AdapterLibrary library;
    private final AdaptersConfig config;

    public AdapterCompression(AdapterLibrary library, AdaptersConfig config) {
        this.library = library;
        this.config = config;
    }

    /**
     * What to compress how.
     *
     * @param keepOriginal whether the original stays as a version to roll back to
     */
    public record Params(CompressionSettings settings, boolean keepOriginal) {
        public static Params read(JsonBody body) {
            body.rejectUnknown(Set.of("density", "alpha", "sweeps", "keep_original"));
            double density = body.optionalNumber("density", 0, 1).orElse(DENSITY_DEFAULT);
            if (density == 0) {
                throw body.invalid("density", "must be more than 0.");
            }
            OptionalDouble alpha = body.optionalNumber("alpha", Double.MIN_VALUE, ALPHA_MAX);
            Scale scale = alpha.isPresent() ? new Scale.Fixed(alpha.getAsDouble()) : new Scale.LeastSquares();
            int sweeps = body.optionalInt("sweeps", 0, SWEEPS_MAX).orElse(SWEEPS_DEFAULT);
            return new Params(
                    new CompressionSettings(density, sweeps, scale), body.optionalBoolean("keep_original", true));
        }
    }

    /** Makes a compressed version of one, and makes it current where that one was; returns ratio, bytes and errors. */
    public CompletableFuture<ObjectNode> compress(AdapterChoice choice, Params params) {
        // One that cannot be compressed is left in peace for as long as one that was asked for.
        library.touch(choice.name());
        return library.load(choice)
                .thenApplyAsync(original -> save(choice, original.adapter(), params), library.workers())
                .thenCompose(made -> library.ask(() -> commit(choice, made, params.keepOriginal())));
    }

    private Compressed save(AdapterChoice choice, Adapter original, Params params) {
        try {
            return library.store().saveCompressed(choice.name(), original, params.settings());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private ObjectNode commit(AdapterChoice choice, Compressed made, boolean keepOriginal) throws IOException {
        StoredVersion original = choice.version();
        ContentHash hash = made.saved().hash();
        ObjectNode compression = AdapterJson.compression(made.report(), original.bytes());
        try {
            ObjectNode report = LoadReport.of(made.saved().adapter())
                    .requireChange(choice.name())
                    .toJson();
            library.store().saveReport(choice.name(), hash, report.set("compression", compression));
        } catch (AdapterFormatException e) {
            library.store().deleteForm(choice.name(), hash, true);
            throw e;
        }
        StoredVersion version = new StoredVersion(
                hash.hex(),
                true,
                made.saved().bytes(),
                library.now(),
                "compressed " + choice.reference(),
                original.under());
        AdapterEntry entry = library.require(choice.name()).with(version);
        if (entry.current().equals(original.hash())) {
            entry = entry.withCurrent(version.hash());
        }
        boolean goes = !keepOriginal && !entry.needed(original.hash());
        library.commit(goes ? entry.without(original) : entry);
        ObjectNode answer = compression.deepCopy();
        return answer.put("version", new AdapterChoice(choice.name(), version).reference());
    }

    /** Compresses what has been idle for too long, one after the other; waits for it, so not for an event loop. */
    public void compressIdle() {
        if (config.compressAfterSeconds() == 0) {
            return;
        }
        for (String name : library.names()) {
            library.find(name).filter(this::due).ifPresent(entry -> {
                AdapterChoice choice = new AdapterChoice(name, entry.currentVersion());
                try {
                    Params params = new Params(CompressionSettings.of(config.compressDensity()), false);
                    ObjectNode report = compress(choice, params).join();
                    LOG.info("{} was idle and is compressed: {}", choice.reference(), report.path("version"));
                } catch (CompletionException e) {
                    LOG.warn("{} cannot be compressed", choice.reference(), e.getCause());
                }
            });
        }
    }

    private boolean due(AdapterEntry entry) {
        return !entry.pinned()
                && entry.canary() == null
                && !entry.currentVersion().compressed()
                && library.idleMillis(entry.name()) > config.compressAfterSeconds() * MILLIS;
    }
}
