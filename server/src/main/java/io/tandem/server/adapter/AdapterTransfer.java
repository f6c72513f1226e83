package io.tandem.server.adapter;

import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.server.api.ApiException;
import io.tandem.server.storage.ContainedPath;
import io.tandem.server.storage.ScratchDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/** Adapters from and to files outside the library. Everything here reads and writes, so not for an event loop. */
public final class AdapterTransfer {
    private final AdapterLibrary library;
    private final ModelConfig model;
    private final KernelsConfig limits;
    private final Path root;
    private final Path scratch;
    private final long maxBytes;

    /**
     * @param root below which clients may name directories
     * @param scratch for what is unpacked
     * @param maxBytes of an adapter's files
     */
    public AdapterTransfer(
            AdapterLibrary library, ModelConfig model, KernelsConfig limits, Path root, Path scratch, long maxBytes) {
        this.library = library;
        this.model = model;
        this.limits = limits;
        this.root = root;
        this.scratch = scratch;
        this.maxBytes = maxBytes;
    }

    /**
     * Reads an adapter in PEFT's layout below the root.
     *
     * @param field of the request that has the path, for complaints
     * @throws ApiException if there is none, or it cannot be used
     */
    public Adapter read(String path, String field) {
        Path directory = ContainedPath.resolve(root, path)
                .orElseThrow(() -> ApiException.notFound(
                        field,
                        "adapter_not_found",
                        "'" + field + "': there is no adapter '" + path + "' below the adapter root of this server."));
        return read(directory, path, field);
    }

    /**
     * Reads an adapter in PEFT's layout.
     *
     * @param shown what the client calls it by
     */
    Adapter read(Path directory, String shown, String field) {
        try {
            Adapter adapter = PeftFormat.read(directory, model, limits.maxRank());
            adapter.requireFinite(limits.dtype());
            return adapter;
        } catch (AdapterFormatException | IllegalArgumentException e) {
            String name = String.valueOf(directory.getFileName());
            String message = String.valueOf(e.getMessage())
                    .replace(directory + directory.getFileSystem().getSeparator(), "")
                    .replace("'" + name + "'", "'" + shown + "'");
            throw new ApiException(400, "invalid_request_error", field, "invalid_adapter", message);
        }
    }

    /**
     * Reads an adapter that was uploaded, as a zip or as PEFT's two files.
     *
     * @param uploads by the name that the client gave the file
     * @throws ApiException if it cannot be used
     */
    public Adapter read(Map<String, Path> uploads) throws IOException {
        try (ScratchDirectory directory = ScratchDirectory.in(scratch)) {
            if (uploads.size() == 1 && uploads.keySet().iterator().next().endsWith(".zip")) {
                AdapterArchive.unpack(uploads.values().iterator().next(), directory.path(), maxBytes);
            } else if (uploads.keySet().equals(Set.copyOf(AdapterArchive.FILES))) {
                for (Map.Entry<String, Path> upload : uploads.entrySet()) {
                    Files.move(upload.getValue(), directory.path().resolve(upload.getKey()));
                }
            } else {
                throw ApiException.invalid(
                        "file",
                        "'file' must be one .zip, or the two files " + String.join(" and ", AdapterArchive.FILES)
                                + ".");
            }
            return read(directory.path(), "upload", "file");
        } catch (AdapterFormatException e) {
            throw new ApiException(
                    400, "invalid_request_error", "file", "invalid_adapter", String.valueOf(e.getMessage()));
        }
    }

    /**
     * Writes a version, or its first ranks as an adapter of that rank, as a zip in PEFT's layout.
     *
     * @return a file in the scratch directory; whoever gets it deletes it
     */
    public Path export(AdapterChoice choice) throws IOException {
        choice.requireAlone("id", "exported");
        Path archive = Files.createTempFile(scratch, "export-", ".zip");
        try (ScratchDirectory directory = ScratchDirectory.in(scratch)) {
            if (choice.version().compressed() || choice.ranks().isPresent()) {
                AdapterArchive.pack(library.weights(choice).join().adapter(), model, directory.path(), archive);
            } else {
                library.store().withFiles(choice.name(), choice.version().content(), files -> {
                    AdapterArchive.pack(files, archive);
                    return archive;
                });
            }
            return archive;
        } catch (IOException | RuntimeException e) {
            Files.deleteIfExists(archive);
            if (e instanceof NoSuchFileException && !library.catalog().has(choice)) {
                throw ApiException.notFound(
                        "id", "adapter_not_found", "'" + choice.reference() + "' was deleted while it was exported.");
            }
            throw e;
        }
    }
}
