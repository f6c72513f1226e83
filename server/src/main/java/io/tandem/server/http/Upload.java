package io.tandem.server.http;

import io.tandem.server.storage.ScratchDirectory;
import java.io.IOException;
import java.nio.file.Path;

/** The body of a form on disk. Whoever gets it reads it and closes it on a worker thread. */
final class Upload implements AutoCloseable {
    private final ScratchDirectory directory;
    private final String contentType;
    private volatile long bytes;

    Upload(ScratchDirectory directory, String contentType) {
        this.directory = directory;
        this.contentType = contentType;
    }

    Path body() {
        return directory.path().resolve("body");
    }

    /** So many have come. */
    void received(long all) {
        bytes = all;
    }

    /** Of the body. */
    long bytes() {
        return bytes;
    }

    /** The form; its files are gone when this is closed. */
    Form read() throws IOException {
        return Form.read(body(), contentType, directory.path());
    }

    @Override
    public void close() throws IOException {
        directory.close();
    }
}
