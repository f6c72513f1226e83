package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.compeft.CompeftFormat;
import io.tandem.kernels.adapter.compeft.CompressionReport;
import io.tandem.kernels.adapter.compeft.CompressionSettings;
import io.tandem.kernels.adapter.compeft.TernaryAdapter;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.adapter.routing.Prototypes;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Adapters on disk. Each has a directory with its manifest, and in it for each version, by the hash of its content, a
 * directory in PEFT's layout or a compressed file, and what was found when it was made.
 */
public final class AdapterStore {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterStore.class);
    private static final String MANIFEST = "adapter.json";
    /** An adapter that a job stands on. */
    private static final Pattern NUMBERED = Pattern.compile("[0-9]+-.+");

    private final Path root;
    private final ModelConfig model;
    private final int maxRank;
    /** Held while a version gets its place or an adapter loses its directory. */
    private final Object places = new Object();

    public AdapterStore(Path root, ModelConfig model, int maxRank) {
        this.root = root;
        this.model = model;
        this.maxRank = maxRank;
    }

    /**
     * A version that was written.
     *
     * @param adapter as it will be read again
     * @param bytes on disk
     */
    public record Saved(ContentHash hash, Adapter adapter, long bytes) {}

    /** An adapter and its name. */
    public record Named(String name, Adapter adapter) {}

    /** A version that was written in compressed form. */
    public record Compressed(Saved saved, CompressionReport report) {}

    /** All manifests by name, nothing else is read; a broken one is reported and left alone. */
    public Map<String, ObjectNode> manifests() throws IOException {
        Map<String, ObjectNode> manifests = new TreeMap<>();
        for (Path directory : AtomicFiles.directories(root, SafeName::encoded)) {
            String name = SafeName.decode(directory.getFileName().toString());
            // A crash before an adapter's first manifest leaves a directory without one.
            StoredJson.read(directory.resolve(MANIFEST)).ifPresent(manifest -> manifests.put(name, manifest));
        }
        return manifests;
    }

    /** Writes what is to be known of an adapter without reading it; when this returns it survives a crash. */
    public void saveManifest(String name, ObjectNode manifest) throws IOException {
        AtomicFiles.write(directory(name).resolve(MANIFEST), manifest.toPrettyString());
    }

    /** Writes a version; when this returns it survives a crash. */
    public Saved save(String name, Adapter adapter) throws IOException {
        Path unfinished = AtomicFiles.unfinished(directory(name));
        try {
            PeftFormat.write(unfinished, adapter);
            // What is served is what will be read after a restart, so its hash is the one that counts.
            Adapter read = read(unfinished);
            ContentHash hash = ContentHash.of(read);
            return new Saved(hash, read, publish(unfinished, plain(name, hash), () -> read(name, hash, false)));
        } catch (IOException e) {
            throw new NotStoredException(e);
        } finally {
            AtomicFiles.delete(unfinished);
        }
    }

    /** Compresses a version and writes it; when this returns it survives a crash. */
    public Compressed saveCompressed(String name, Adapter adapter, CompressionSettings settings) throws IOException {
        Path unfinished = AtomicFiles.unfinished(directory(name));
        try {
            CompressionReport report = CompeftFormat.write(unfinished, adapter, settings);
            Adapter read = CompeftFormat.read(unfinished, model, maxRank);
            ContentHash hash = ContentHash.of(read);
            long bytes = publish(unfinished, compressed(name, hash), () -> read(name, hash, true));
            return new Compressed(new Saved(hash, read, bytes), report);
        } catch (IOException e) {
            throw new NotStoredException(e);
        } finally {
            AtomicFiles.delete(unfinished);
        }
    }

    /**
     * Moves a version to its place, in one step for whoever deletes its adapter with the directory that it goes to.
     *
     * @param reading of what is there already; it is replaced if it is damaged
     */
    private long publish(Path unfinished, Path target, Supplier<Adapter> reading) throws IOException {
        long bytes = AtomicFiles.bytes(unfinished);
        synchronized (places) {
            AtomicFiles.createDirectories(Objects.requireNonNull(target.getParent()));
            if (Files.exists(target, LinkOption.NOFOLLOW_LINKS) && !readable(reading)) {
                AtomicFiles.remove(target);
            }
            if (!Files.exists(target)) {
                AtomicFiles.publish(unfinished, target);
            }
        }
        return bytes;
    }

    private static boolean readable(Supplier<Adapter> reading) {
        try {
            return reading.get().parameters() > 0;
        } catch (RuntimeException e) {
            LOG.warn("replacing a damaged version: {}", e.getMessage());
            return false;
        }
    }

    /**
     * Reads a version into the form that a device takes.
     *
     * @throws AdapterFormatException if it is missing or damaged
     */
    public Adapter read(String name, ContentHash hash, boolean compressed) {
        Adapter adapter =
                compressed ? readTernary(name, hash).decode() : PeftFormat.read(plain(name, hash), model, maxRank);
        ContentHash found = ContentHash.of(adapter);
        if (!found.equals(hash)) {
            throw new AdapterFormatException("adapter '" + name + "': the content of " + hash.shown() + " has the hash "
                    + found.shown() + ": it was changed or damaged");
        }
        return adapter;
    }

    /**
     * Reads a compressed version and leaves it small.
     *
     * @throws AdapterFormatException if it is missing or damaged
     */
    public TernaryAdapter readTernary(String name, ContentHash hash) {
        return CompeftFormat.readTernary(compressed(name, hash), model, maxRank);
    }

    /** @throws AdapterFormatException if the directory does not hold an adapter of the model in PEFT's layout */
    Adapter read(Path directory) {
        return PeftFormat.read(directory, model, maxRank);
    }

    /** Writes adapters into a directory, which is made if there are any; returns the hashes of what will be read. */
    List<ContentHash> writeAll(Path directory, List<Named> adapters) throws IOException {
        List<ContentHash> hashes = new ArrayList<>();
        for (int i = 0; i < adapters.size(); i++) {
            Files.createDirectories(directory);
            Path target =
                    directory.resolve(i + "-" + SafeName.encode(adapters.get(i).name()));
            PeftFormat.write(target, adapters.get(i).adapter());
            hashes.add(ContentHash.of(read(target)));
        }
        return hashes;
    }

    /** What {@link #writeAll} wrote; fewer than ten come in the same order. */
    List<Named> readAll(Path directory) throws IOException {
        List<Named> adapters = new ArrayList<>();
        for (Path entry : AtomicFiles.directories(directory, NUMBERED.asMatchPredicate())) {
            String name = entry.getFileName().toString();
            adapters.add(new Named(SafeName.decode(name.substring(name.indexOf('-') + 1)), read(entry)));
        }
        return adapters;
    }

    /** Keeps what was found when a version was made. */
    public void saveReport(String name, ContentHash hash, ObjectNode report) throws IOException {
        AtomicFiles.write(report(name, hash), report.toString());
    }

    /** What {@link #saveReport} kept; empty if nothing was. */
    public ObjectNode loadReport(String name, ContentHash hash) {
        return StoredJson.read(report(name, hash)).orElseGet(JsonBody.MAPPER::createObjectNode);
    }

    /** Keeps by what a version is chosen. */
    public void savePrototypes(String name, ContentHash hash, Prototypes prototypes) throws IOException {
        AtomicFiles.create(prototypes(name, hash), prototypes::write);
    }

    /** What {@link #savePrototypes} kept; empty if nothing was, or if it is damaged. */
    public Optional<Prototypes> loadPrototypes(String name, ContentHash hash) {
        Path file = prototypes(name, hash);
        try {
            return Files.exists(file) ? Optional.of(Prototypes.read(file, model)) : Optional.empty();
        } catch (ModelFormatException e) {
            LOG.warn("prototypes are made again: {}", e.getMessage());
            return Optional.empty();
        }
    }

    /** Deletes a version. */
    public void delete(String name, ContentHash hash) throws IOException {
        deleteForm(name, hash, false);
        deleteForm(name, hash, true);
        AtomicFiles.delete(report(name, hash));
        AtomicFiles.delete(prototypes(name, hash));
    }

    /** Deletes one form of a version. */
    public void deleteForm(String name, ContentHash hash, boolean compressed) throws IOException {
        AtomicFiles.remove(compressed ? compressed(name, hash) : plain(name, hash));
    }

    /** Deletes an adapter with all its versions. */
    public void delete(String name) throws IOException {
        synchronized (places) {
            AtomicFiles.remove(directory(name));
        }
    }

    /** The directory of a version that is not compressed, in PEFT's layout. */
    public Path plain(String name, ContentHash hash) {
        return directory(name).resolve(hash.hex());
    }

    private Path compressed(String name, ContentHash hash) {
        return directory(name).resolve(hash.hex() + ".compeft");
    }

    private Path report(String name, ContentHash hash) {
        return directory(name).resolve(hash.hex() + ".json");
    }

    private Path prototypes(String name, ContentHash hash) {
        return directory(name).resolve(hash.hex() + ".prototypes");
    }

    private Path directory(String name) {
        return root.resolve(SafeName.encode(name));
    }
}
