package io.tandem.server.storage;

import io.tandem.kernels.ModelConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.peft.PeftFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trained adapters on disk: one directory in PEFT's layout for each. The adapters that it stands on are copied into
 * {@code under}, so that it means the same whatever becomes of them.
 */
public final class AdapterStore {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterStore.class);
    private static final String UNDER = "under";

    private final Path root;
    private final ModelConfig model;
    private final int maxRank;

    public AdapterStore(Path root, ModelConfig model, int maxRank) {
        this.root = root;
        this.model = model;
        this.maxRank = maxRank;
    }

    /** An adapter and its name. */
    public record Named(String name, Adapter adapter) {}

    /** @param under adapters that it stands on */
    public record Stored(String name, Adapter adapter, List<Named> under) {
        public Stored {
            under = List.copyOf(under);
        }
    }

    /** Writes an adapter under a new name; when this returns it survives a crash. */
    public void save(Stored stored) throws IOException {
        Path target = root.resolve(SafeName.encode(stored.name()));
        Path unfinished = AtomicFiles.unfinished(target);
        PeftFormat.write(unfinished, stored.adapter());
        writeUnder(unfinished, stored.under());
        AtomicFiles.publish(unfinished, target);
    }

    /** All adapters; a broken one is reported and left alone. */
    public List<Stored> loadAll() throws IOException {
        List<Stored> adapters = new ArrayList<>();
        for (Path directory : AtomicFiles.list(root)) {
            String name = SafeName.decode(directory.getFileName().toString());
            try {
                adapters.add(new Stored(name, read(directory), readUnder(directory)));
            } catch (AdapterFormatException e) {
                LOG.warn("adapter {} is not served: {}", name, e.getMessage());
            }
        }
        return adapters;
    }

    /** @throws AdapterFormatException if the directory does not hold an adapter of the model */
    Adapter read(Path directory) throws IOException {
        return PeftFormat.read(directory, model, maxRank);
    }

    /** Writes adapters into the subdirectory for those that others stand on. */
    void writeUnder(Path directory, List<Named> adapters) throws IOException {
        Path under = directory.resolve(UNDER);
        for (int i = 0; i < adapters.size(); i++) {
            Files.createDirectories(under);
            Path target =
                    under.resolve(i + "-" + SafeName.encode(adapters.get(i).name()));
            PeftFormat.write(target, adapters.get(i).adapter());
        }
    }

    /** What {@link #writeUnder} wrote. */
    List<Named> readUnder(Path directory) throws IOException {
        List<Named> adapters = new ArrayList<>();
        Path under = directory.resolve(UNDER);
        if (Files.exists(under)) {
            for (Path entry : AtomicFiles.list(under)) {
                String name = entry.getFileName().toString();
                adapters.add(new Named(SafeName.decode(name.substring(name.indexOf('-') + 1)), read(entry)));
            }
        }
        return adapters;
    }
}
