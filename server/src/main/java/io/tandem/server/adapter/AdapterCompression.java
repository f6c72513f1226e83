package io.tandem.server.adapter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.compeft.CompressionSettings;
import io.tandem.kernels.adapter.compeft.CompressionSettings.Scale;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.config.AdaptersConfig;
import io.tandem.server.storage.AdapterStore.Compressed;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes adapters small, when somebody asks for it or when nobody has asked for them for long. */
public final class AdapterCompression {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterCompression.class);
    private static final double DENSITY_DEFAULT = 0.2;
    private static final double ALPHA_MAX = 1e6;
    private static final int FILE_CHARS_MAX = 64;
    private static final int SWEEPS_DEFAULT = 20;
    private static final int SWEEPS_MAX = 1000;
    private static final double MILLIS = 1000;

    private final AdapterLibrary library;
    private final AdaptersConfig config;
    private final AdapterValidation validation;

    public AdapterCompression(AdapterLibrary library, AdaptersConfig config, AdapterValidation validation) {
        this.library = library;
        this.config = config;
        this.validation = validation;
    }

    /**
     * What to compress how.
     *
     * @param validationFile id of an uploaded file on which the scale is chosen instead
     * @param keepOriginal whether the original stays as a version to roll back to
     */
    public record Params(CompressionSettings settings, Optional<String> validationFile, boolean keepOriginal) {
        public static Params read(JsonBody body) {
            body.rejectUnknown(Set.of("density", "alpha", "sweeps", "validation_file", "keep_original"));
            double density = body.optionalNumber("density", 0, 1).orElse(DENSITY_DEFAULT);
            if (density == 0) {
                throw body.invalid("density", "must be more than 0.");
            }
            OptionalDouble alpha = body.optionalNumber("alpha", Double.MIN_VALUE, ALPHA_MAX);
            Optional<String> validationFile = body.optionalString("validation_file", FILE_CHARS_MAX);
            if (alpha.isPresent() && validationFile.isPresent()) {
                throw body.invalid("alpha", "is what 'validation_file' chooses; leave one of them out.");
            }
            Scale scale = alpha.isPresent() ? new Scale.Fixed(alpha.getAsDouble()) : new Scale.LeastSquares();
            int sweeps = body.optionalInt("sweeps", 0, SWEEPS_MAX).orElse(SWEEPS_DEFAULT);
            return new Params(
                    new CompressionSettings(density, sweeps, scale),
                    validationFile,
                    body.optionalBoolean("keep_original", true));
        }
    }

    /** Makes a compressed version of one, and makes it current where that one was; returns ratio, bytes and errors. */
    public CompletableFuture<ObjectNode> compress(AdapterChoice choice, Params params) {
        // One that cannot be compressed is left in peace for as long as one that was asked for.
        library.catalog().touch(choice.name());
        return library.stack(choice)
                .thenApplyAsync(stack -> save(choice, stack, params), library.workers())
                .thenCompose(made -> library.ask(() -> commit(choice, made, params.keepOriginal())));
    }

    /** A version that is on disk, and what to tell of it. */
    private record Made(Compressed compressed, ObjectNode report) {}

    /** @param stack what the version answers together with, itself at the end */
    private Made save(AdapterChoice choice, List<AdapterVersion> stack, Params params) {
        Adapter original = stack.get(stack.size() - 1).adapter();
        requireFactors(choice, original);
        CompressionSettings settings = params.settings();
        try {
            if (params.validationFile().isEmpty()) {
                Compressed made = library.store().saveCompressed(choice.name(), original, settings);
                return new Made(made, report(choice, made));
            }
            Function<List<AdapterVersion>, Scores> scores =
                    validation.scores(params.validationFile().get());
            Scale scale = new Scale.Validated(
                    candidate -> -scores.apply(instead(stack, candidate)).loss());
            Compressed made = library.store().saveCompressed(choice.name(), original, settings.withScale(scale));
            ObjectNode report = report(choice, made);
            report.set(
                    "validation",
                    AdapterJson.validation(made.report(), scores.apply(stack).loss()));
            return new Made(made, report);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void requireFactors(AdapterChoice choice, Adapter adapter) {
        try {
            adapter.factors();
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid("id", "'" + choice.name() + "' cannot be compressed: " + e.getMessage() + ".");
        }
    }

    private static ObjectNode report(AdapterChoice choice, Compressed made) {
        return AdapterJson.compression(made.report(), choice.version().bytes());
    }

    /** The stack with another adapter at its top. */
    private List<AdapterVersion> instead(List<AdapterVersion> stack, Adapter top) {
        List<AdapterVersion> other = new ArrayList<>(stack);
        AdapterVersion old = other.remove(other.size() - 1);
        other.add(library.prepared(old.name(), top));
        return other;
    }

    private ObjectNode commit(AdapterChoice choice, Made result, boolean keepOriginal) throws IOException {
        StoredVersion original = choice.version();
        Compressed made = result.compressed();
        ObjectNode compression = result.report();
        ContentHash hash = made.saved().hash();
        requireStillThere(choice, hash);
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
                original.under(),
                original.base());
        AdapterEntry entry = library.require(choice.name()).with(version);
        if (entry.current().equals(original.hash())) {
            entry = entry.withCurrent(version.hash());
        }
        boolean goes = !keepOriginal && !entry.needed(original.hash());
        library.commit(goes ? entry.without(original) : entry);
        ObjectNode answer = compression.deepCopy();
        return answer.put("version", new AdapterChoice(choice.name(), version).reference());
    }

    /** What was made of a version that is gone by now goes too, and so does the folder that it was written into. */
    private void requireStillThere(AdapterChoice choice, ContentHash made) throws IOException {
        Optional<AdapterEntry> entry = library.find(choice.name());
        if (entry.isPresent() && entry.get().has(choice.version().content())) {
            return;
        }
        if (entry.isEmpty()) {
            library.store().delete(choice.name());
        } else if (!entry.get().has(made)) {
            library.store().deleteForm(choice.name(), made, true);
        }
        throw ApiException.notFound(
                "id", "adapter_not_found", "'" + choice.reference() + "' was deleted while it was compressed.");
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
                    Params params =
                            new Params(CompressionSettings.of(config.compressDensity()), Optional.empty(), false);
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
                && library.fits(entry.currentVersion())
                && library.catalog().idleMillis(entry.name()) > config.compressAfterSeconds() * MILLIS;
    }
}
