package io.tandem.server;

import io.tandem.server.config.ServerConfig;
import io.tandem.server.storage.BlobsCopy;
import io.tandem.server.storage.DataDirectory;
import io.tandem.server.storage.blob.S3Address;
import io.tandem.server.storage.blob.S3Blobs;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code tandem copy-blobs}. */
@Command(
        name = "copy-blobs",
        description = {
            "Copies uploaded files, adapters and checkpoints from the data directory into the bucket that storage.blobs (or"
                    + " TANDEM_BLOBS) names. The server must not run.",
            "Whenever it is interrupted, the next one goes on. The data directory is left as it is."
        },
        mixinStandardHelpOptions = true)
final class CopyBlobsCommand implements Callable<Integer> {
    private static final long SAID_NANOS = TimeUnit.SECONDS.toNanos(2);
    private static final double MEGA = 1e6;

    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private final StoredOptions stored = new StoredOptions();

    private long said = System.nanoTime();

    @Override
    public Integer call() throws Exception {
        ServerConfig settings = stored.settings();
        S3Address target = settings.storage()
                .bucket()
                .orElseThrow(() -> new IOException("storage.blobs names no bucket to copy to"));
        PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
        try (DataDirectory directory = DataDirectory.open(settings.data());
                S3Blobs to = S3Blobs.open(target, System.getenv(), directory.uploads(), 0)) {
            if (directory.isToBeUpgraded()) {
                throw new IOException("the data directory is an earlier version's: start this version once before");
            }
            int copied = BlobsCopy.copy(directory.blobs(), to, (done, all, bytes) -> progress(out, done, all, bytes));
            out.printf(
                    "%d files and directories were copied to %s. The data directory is as it was.%n", copied, target);
        }
        return 0;
    }

    /** Now and then. */
    private void progress(PrintWriter out, int done, int all, long bytes) {
        if (System.nanoTime() - said > SAID_NANOS) {
            said = System.nanoTime();
            out.printf("%d of %d, %.1f MB copied%n", done, all, bytes / MEGA);
            out.flush();
        }
    }
}
