package io.tandem.server.storage;

import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.server.storage.blob.Blobs;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.List;

/** Blobs that cannot be read as long as a test says so, as when file descriptors have run out. */
public final class UnreadableBlobs implements Blobs {
    private final Blobs blobs;
    private volatile String unreadable = "//";

    public UnreadableBlobs(Blobs blobs) {
        this.blobs = blobs;
    }

    /** From now on no blob can be read that has this in its key. */
    public void hide(String part) {
        unreadable = part;
    }

    /** All of them can be read again. */
    public void show() {
        unreadable = "//";
    }

    @Override
    public <T> T read(String key, Reading<T> reading) throws IOException {
        return blobs.read(key, blob -> {
            if (!key.contains(unreadable)) {
                return reading.from(blob);
            }
            FileSystemException failure = new FileSystemException(blob.toString(), null, "Too many open files");
            if (key.contains("/files/")) {
                throw failure;
            }
            // As what reads adapters does.
            throw ModelFormatException.in(Path.of("adapter_model.safetensors"), "cannot be read", failure);
        });
    }

    @Override
    public void put(String key, Writing writing) throws IOException {
        blobs.put(key, writing);
    }

    @Override
    public void copy(String from, String to) throws IOException {
        blobs.copy(from, to);
    }

    @Override
    public boolean exists(String key) throws IOException {
        return blobs.exists(key);
    }

    @Override
    public List<String> list(String prefix) throws IOException {
        return blobs.list(prefix);
    }

    @Override
    public boolean delete(String key) throws IOException {
        return blobs.delete(key);
    }

    @Override
    public String home() {
        return blobs.home();
    }

    @Override
    public String place(String key) throws IOException {
        return blobs.place(key);
    }
}
