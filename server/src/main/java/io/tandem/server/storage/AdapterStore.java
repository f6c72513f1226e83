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
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.blob.Blobs;
import io.tandem.server.storage.blob.DamagedBlobException;
import io.tandem.server.storage.document.Change;
import io.tandem.server.storage.document.Documents;
import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stored adapters of a tenant. Each has a manifest, and for each version, by the hash of its content, a directory in PEFT's
 * layout or a compressed file, and what was found when it was made.
 */
public final class AdapterStore {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterStore.class);
    static final String MANIFESTS = "adapters";
    static final String REPORTS = "adapter-reports";
    /** An adapter that a job stands on. */
    private static final Pattern NUMBERED = Pattern.compile("[0-9]+-.+");

    private final Storage storage;
    private final TenantId tenant;
    private final Path scratch;
    private final ModelConfig model;
    private final int maxRank;

    /** @param scratch where versions are written before they are stored, on the file system of the data directory */
    public AdapterStore(Storage storage, TenantId tenant, Path scratch, ModelConfig model, int maxRank) {
        this.storage = storage;
        this.tenant = tenant;
        this.scratch = scratch;
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
        for (Documents.Document document : storage.list(MANIFESTS, prefix(tenant))) {
            String name = document.id().substring(prefix(tenant).length());
            if (SafeName.allowed(name)) {
                manifests.put(name, document.body());
            }
        }
        return manifests;
    }

    /** Writes what is to be known of an adapter without reading it; when this returns it survives a crash. */
    public void saveManifest(String name, ObjectNode manifest) throws IOException {
        storage.write(new Change.Put(MANIFESTS, prefix(tenant) + name, manifest));
    }

    /** Writes a version; when this returns it survives a crash. */
    public Saved save(String name, Adapter adapter) throws IOException {
        storage.blobs().requireThere();
        try (ScratchDirectory directory = ScratchDirectory.in(scratch)) {
            Path unfinished = directory.path().resolve("adapter");
            write(unfinished, adapter);
            // What is served is what will be read after a restart, so its hash is the one that counts.
            Adapter read = read(unfinished);
            ContentHash hash = ContentHash.of(read);
            return new Saved(hash, read, publish(unfinished, plain(name, hash), () -> read(name, hash, false)));
        } catch (UnreachableException e) {
            throw e;
        } catch (IOException e) {
            throw new NotStoredException(e);
        }
    }

    /** Compresses a version and writes it; when this returns it survives a crash. */
    public Compressed saveCompressed(String name, Adapter adapter, CompressionSettings settings) throws IOException {
        storage.blobs().requireThere();
        try (ScratchDirectory directory = ScratchDirectory.in(scratch)) {
            Path unfinished = directory.path().resolve("adapter");
            CompressionReport report = CompeftFormat.write(unfinished, adapter, settings);
            Adapter read = CompeftFormat.read(unfinished, model, maxRank);
            ContentHash hash = ContentHash.of(read);
            long bytes = publish(unfinished, compressed(name, hash), () -> read(name, hash, true));
            return new Compressed(new Saved(hash, read, bytes), report);
        } catch (UnreachableException e) {
            throw e;
        } catch (IOException e) {
            throw new NotStoredException(e);
        }
    }

    /**
     * One at a time: of two that write the same version, one that fails would delete what the other has written.
     *
     * @param reading of what is there already; it is replaced if it is damaged
     */
    private synchronized long publish(Path unfinished, String key, Supplier<Adapter> reading) throws IOException {
        long bytes = AtomicFiles.bytes(unfinished);
        if (!storage.blobs().exists(key) || !readable(reading)) {
            storage.make(key, blobs -> blobs.put(key, target -> Files.move(unfinished, target)), List::of);
        }
        storage.keep(key);
        return bytes;
    }

    private static boolean readable(Supplier<Adapter> reading) {
        try {
            return reading.get().parameters() > 0;
        } catch (UncheckedIOException e) {
            throw e;
        } catch (RuntimeException e) {
            LOG.warn("replacing a damaged version: {}", e.getMessage());
            return false;
        }
    }

    /**
     * Reads a version into the form that a device takes.
     *
     * @throws AdapterFormatException if it is missing or damaged
     * @throws UncheckedIOException if it cannot be had for now
     */
    public Adapter read(String name, ContentHash hash, boolean compressed) {
        Adapter adapter = compressed ? readTernary(name, hash).decode() : readWhole(plain(name, hash), this::read);
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
     * @throws UncheckedIOException if it cannot be had for now
     */
    public TernaryAdapter readTernary(String name, ContentHash hash) {
        return readWhole(compressed(name, hash), file -> CompeftFormat.readTernary(file, model, maxRank));
    }

    private <T> T readWhole(String key, Blobs.Reading<T> reading) {
        try {
            return storage.readBlob(key, reading);
        } catch (NoSuchFileException e) {
            throw new AdapterFormatException("a version of the adapter is missing: " + key, e);
        } catch (DamagedBlobException e) {
            throw new AdapterFormatException("a version of the adapter is damaged: " + key, e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Calls something with the directory of a version that is not compressed, in PEFT's layout. */
    public <T> T withFiles(String name, ContentHash hash, Blobs.Reading<T> use) throws IOException {
        return storage.readBlob(plain(name, hash), use);
    }

    /** @throws AdapterFormatException if the directory does not hold an adapter of the model in PEFT's layout */
    Adapter read(Path directory) {
        return PeftFormat.read(directory, model, maxRank);
    }

    /** @throws IllegalArgumentException if it is none that PEFT's layout can hold */
    void write(Path directory, Adapter adapter) throws IOException {
        PeftFormat.write(directory, adapter, model);
    }

    /**
     * Keeps adapters in their order.
     *
     * @param prefix of their keys
     * @return the hashes of what will be read
     */
    List<ContentHash> writeAll(Blobs blobs, String prefix, List<Named> adapters) throws IOException {
        List<ContentHash> hashes = new ArrayList<>();
        for (int i = 0; i < adapters.size(); i++) {
            Named named = adapters.get(i);
            blobs.put(prefix + i + "-" + SafeName.encode(named.name()), unfinished -> {
                write(unfinished, named.adapter());
                hashes.add(ContentHash.of(read(unfinished)));
            });
        }
        return hashes;
    }

    /** What {@link #writeAll} kept; fewer than ten come in the same order. */
    List<Named> readAll(String prefix) throws IOException {
        List<Named> adapters = new ArrayList<>();
        for (String key : storage.blobs().list(prefix)) {
            String name = key.substring(prefix.length());
            if (NUMBERED.matcher(name).matches()) {
                adapters.add(
                        new Named(SafeName.decode(name.substring(name.indexOf('-') + 1)), readWhole(key, this::read)));
            }
        }
        return adapters;
    }

    /** Keeps what was found when a version was made. */
    public void saveReport(String name, ContentHash hash, ObjectNode report) throws IOException {
        storage.write(new Change.Put(REPORTS, report(name, hash), report));
    }

    /** What {@link #saveReport} kept; empty if nothing was. */
    public ObjectNode loadReport(String name, ContentHash hash) throws IOException {
        return storage.get(REPORTS, report(name, hash)).orElseGet(JsonBody.MAPPER::createObjectNode);
    }

    /** Keeps by what a version is chosen. */
    public void savePrototypes(String name, ContentHash hash, Prototypes prototypes) throws IOException {
        String key = prototypes(name, hash);
        storage.make(key, blobs -> blobs.put(key, prototypes::write), List::of);
        storage.keep(key);
    }

    /** What {@link #savePrototypes} kept; empty if nothing was, or if it is damaged. */
    public Optional<Prototypes> loadPrototypes(String name, ContentHash hash) {
        try {
            return Optional.of(storage.readBlob(prototypes(name, hash), file -> Prototypes.read(file, model)));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (ModelFormatException | DamagedBlobException e) {
            LOG.warn("prototypes are made again: {}", e.getMessage());
            return Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Deletes a version. */
    public void delete(String name, ContentHash hash) throws IOException {
        storage.delete(
                List.of(plain(name, hash), compressed(name, hash), prototypes(name, hash)),
                List.of(new Change.Delete(REPORTS, report(name, hash))));
    }

    /** Deletes one form of a version. */
    public void deleteForm(String name, ContentHash hash, boolean compressed) throws IOException {
        storage.delete(List.of(compressed ? compressed(name, hash) : plain(name, hash)), List.of());
    }

    /** Deletes an adapter with all its versions. */
    public void delete(String name) throws IOException {
        List<Change> changes = new ArrayList<>();
        changes.add(new Change.Delete(MANIFESTS, prefix(tenant) + name));
        for (String report : storage.documents().ids(REPORTS, prefix(tenant) + SafeName.encode(name) + "/")) {
            changes.add(new Change.Delete(REPORTS, report));
        }
        // One by one: an adapter of this name may come again before all of them are gone.
        storage.delete(storage.blobs().list(directory(name)), changes);
    }

    private String plain(String name, ContentHash hash) {
        return directory(name) + hash.hex();
    }

    private String compressed(String name, ContentHash hash) {
        return directory(name) + hash.hex() + ".compeft";
    }

    private String prototypes(String name, ContentHash hash) {
        return directory(name) + hash.hex() + ".prototypes";
    }

    private String report(String name, ContentHash hash) {
        return report(tenant, SafeName.encode(name), hash.hex());
    }

    static String report(TenantId tenant, String encodedName, String hash) {
        return prefix(tenant) + encodedName + "/" + hash;
    }

    static String prefix(TenantId tenant) {
        return tenant.value() + "/";
    }

    /** The beginning of the keys of an adapter. */
    private String directory(String name) {
        return Keys.adapters(tenant) + SafeName.encode(name) + "/";
    }
}
