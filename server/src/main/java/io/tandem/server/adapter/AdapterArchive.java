package io.tandem.server.adapter;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.ModelConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/** An adapter in PEFT's layout as one zip: exactly its two files, at the top. */
public final class AdapterArchive {
    /** PEFT's two files. */
    public static final List<String> FILES = List.of("adapter_config.json", "adapter_model.safetensors");

    private static final int MAX_ENTRIES = 16;
    private static final int BUFFER_BYTES = 1 << 16;

    private AdapterArchive() {}

    /**
     * Unpacks an archive that a client sent. Names in it are compared, never used as paths.
     *
     * @param target an empty directory
     * @param maxBytes of both files together when they are unpacked, whatever the archive says of them
     * @throws AdapterFormatException if it is damaged, too large, or has other files
     */
    public static void unpack(Path archive, Path target, long maxBytes) throws IOException {
        try (ZipFile zip = new ZipFile(archive.toFile())) {
            requireFiles(zip);
            long left = maxBytes;
            for (String file : FILES) {
                try (InputStream in = zip.getInputStream(zip.getEntry(file));
                        OutputStream out = Files.newOutputStream(target.resolve(file))) {
                    left -= copy(in, out, left, maxBytes);
                }
            }
        } catch (ZipException e) {
            throw new AdapterFormatException("the archive is damaged: " + e.getMessage(), e);
        }
    }

    private static void requireFiles(ZipFile zip) {
        Set<String> found = new TreeSet<>();
        for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
            String name = all.nextElement().getName();
            boolean again = !found.add(name);
            if (again || found.size() > MAX_ENTRIES) {
                throw new AdapterFormatException(
                        again ? "the archive has a file twice" : "the archive has too many files");
            }
        }
        if (!found.equals(Set.copyOf(FILES))) {
            String names = String.join(", ", found);
            throw new AdapterFormatException("the archive has " + names.substring(0, Math.min(200, names.length()))
                    + ", expected exactly " + String.join(" and ", FILES));
        }
    }

    private static long copy(InputStream in, OutputStream out, long left, long maxBytes) throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        long copied = 0;
        for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
            copied += read;
            if (copied > left) {
                throw new AdapterFormatException(
                        "the archive unpacks to more than " + maxBytes + " bytes (http.max-upload-bytes)");
            }
            out.write(buffer, 0, read);
        }
        return copied;
    }

    /** Packs a directory in PEFT's layout; weights do not compress, so nothing is. */
    public static void pack(Path directory, Path archive) throws IOException {
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(archive))) {
            zip.setMethod(ZipOutputStream.STORED);
            for (String file : FILES) {
                Path source = directory.resolve(file);
                ZipEntry entry = new ZipEntry(file);
                // Not the time of the day: the same adapter is the same archive.
                entry.setTime(0);
                entry.setSize(Files.size(source));
                entry.setCrc(checksum(source));
                zip.putNextEntry(entry);
                Files.copy(source, zip);
                zip.closeEntry();
            }
        }
    }

    /** Packs an adapter that is not in PEFT's layout on disk. */
    public static void pack(Adapter adapter, ModelConfig model, Path scratch, Path archive) throws IOException {
        PeftFormat.write(scratch, adapter, model);
        pack(scratch, archive);
    }

    private static long checksum(Path file) throws IOException {
        CRC32 checksum = new CRC32();
        byte[] buffer = new byte[BUFFER_BYTES];
        try (InputStream in = Files.newInputStream(file)) {
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                checksum.update(buffer, 0, read);
            }
        }
        return checksum.getValue();
    }
}
