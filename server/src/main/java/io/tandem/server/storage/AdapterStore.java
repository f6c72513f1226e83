package io.tandem.server.storage;

import io.tandem.kernels.ModelConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.peft.PeftFormat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Trained adapters on disk: one directory in PEFT's layout for each. */
public final class AdapterStore {
    private static final Logger LOG = LoggerFactory.getLogger(AdapterStore.class);

    private final Path root;
    private final ModelConfig model;
    private final int maxRank;

    public AdapterStore(Path root, ModelConfig model, int maxRank) {
        this.root = root;
        this.model = model;
        this.maxRank = maxRank;
    }

    /** Writes an adapter under a new name; when this returns it survives a crash. */
    public void save(String name, Adapter adapter) throws IOException {
        Path target = root.resolve(SafeName.encode(name));
        Path unfinished = AtomicFiles.unfinished(target);
        PeftFormat.write(unfinished, adapter);
        AtomicFiles.publish(unfinished, target);
    }

    /** All adapters by name; a broken one is reported and left alone. */
    public Map<String, Adapter> loadAll() throws IOException {
        Map<String, Adapter> adapters = new TreeMap<>();
        for (Path directory : AtomicFiles.list(root)) {
            String name = SafeName.decode(directory.getFileName().toString());
            try {
                adapters.put(name, PeftFormat.read(directory, model, maxRank));
            } catch (AdapterFormatException e) {
                LOG.warn("adapter {} is not served: {}", name, e.getMessage());
            }
        }
        return adapters;
    }
}
