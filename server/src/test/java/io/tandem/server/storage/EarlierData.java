package io.tandem.server.storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * The data directory of a server of version 0.1.0 that was killed: files, a job that has ended and one that is paused, their
 * adapters, a batch that has ended and one that has not, a tenant, usage. With its model, whose files are not the same each time
 * that they are made.
 */
public final class EarlierData {
    private EarlierData() {}

    /** @param directory gets {@code data}, and {@code tiny}, the model */
    public static void unpack(Path directory) throws IOException {
        try (InputStream resource =
                        Objects.requireNonNull(EarlierData.class.getResourceAsStream("data-directory-0.1.0.zip"));
                ZipInputStream zip = new ZipInputStream(resource)) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                Path target = directory.resolve(entry.getName());
                if (entry.isDirectory()) {
                    Files.createDirectories(target);
                } else {
                    Files.createDirectories(target.getParent());
                    Files.copy(zip, target, StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }
}
