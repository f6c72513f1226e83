package io.tandem.server.storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * The data directory of a server of version 0.1.0 that was killed: files, a job that has ended and one that is paused, their
 * adapters, a batch that has ended and one that has not, a tenant, usage.
 */
public final class EarlierData {
    private EarlierData() {}

    /** @param data a directory that is made */
    public static void unpack(Path data) throws IOException {
        try (InputStream resource =
                        Objects.requireNonNull(EarlierData.class.getResourceAsStream("data-directory-0.1.0.zip"));
                ZipInputStream zip = new ZipInputStream(resource)) {
            Files.createDirectories(data);
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                Path target = data.resolve(entry.getName());
                if (entry.isDirectory()) {
                    Files.createDirectories(target);
                } else {
                    Files.createDirectories(target.getParent());
                    Files.copy(zip, target);
                }
            }
        }
    }
}
