package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * Batches on disk, a folder each: OpenAI's batch object, the file of requests as it was when the batch was created, and
 * the lines that were answered so far.
 */
public final class BatchStore {
    private static final Pattern ID = Pattern.compile("batch_[0-9a-f]{24}");
    private static final String OBJECT = "batch.json";
    private static final String INPUT = "input";
    private static final String PURPOSE = "batch_output";

    private final Path root;

    public BatchStore(Path root) {
        this.root = root;
    }

    /** The two kinds of lines that a batch leaves. */
    public enum Results {
        /** Requests that were answered. */
        OUTPUT,
        /** Those that were not. */
        ERROR;

        String file() {
            return this == OUTPUT ? "output.jsonl" : "error.jsonl";
        }
    }

    /**
     * Makes a batch's folder; when this returns it survives a crash.
     *
     * @param input id of the file with the requests
     */
    public void create(ObjectNode batch, String input, FileStore files) throws IOException {
        AtomicFiles.create(folder(id(batch)), unfinished -> {
            Files.createDirectory(unfinished);
            files.keep(input, unfinished.resolve(INPUT));
            for (Results kind : Results.values()) {
                Files.createFile(unfinished.resolve(kind.file()));
            }
            Files.writeString(unfinished.resolve(OBJECT), batch.toPrettyString());
        });
    }

    /** Writes the object of a batch that was created; when this returns it survives a crash. */
    public void save(ObjectNode batch) throws IOException {
        AtomicFiles.write(folder(id(batch)).resolve(OBJECT), batch.toPrettyString());
    }

    /** All batch objects; a broken one is reported and left alone. */
    public List<ObjectNode> loadAll() throws IOException {
        List<ObjectNode> batches = new ArrayList<>();
        for (Path directory : AtomicFiles.directories(root, ID.asMatchPredicate())) {
            Path file = directory.resolve(OBJECT);
            String id = directory.getFileName().toString();
            StoredJson.read(file)
                    .filter(batch -> id(batch).equals(id))
                    .ifPresentOrElse(
                            batches::add,
                            () -> StoredJson.report(directory.toString(), "it has no readable " + OBJECT));
        }
        return batches;
    }

    /** The requests, for whoever closes them. */
    public Optional<FileChannel> input(String id) throws IOException {
        return FileStore.open(folder(id).resolve(INPUT));
    }

    /**
     * The lines so far, for whoever closes them.
     *
     * @param heads gets the first bytes of each
     */
    public ResultLog results(String id, Results kind, Consumer<String> heads) throws IOException {
        return ResultLog.open(folder(id).resolve(kind.file()), heads);
    }

    /** Makes a file of a batch's lines, if it was not made before; when this returns it survives a crash. */
    public void publish(ObjectNode batch, Results kind, FileStore files, FileStore.Published file) throws IOException {
        String name = id(batch) + "_" + kind.file();
        files.publish(folder(id(batch)).resolve(kind.file()), name, PURPOSE, file);
    }

    /** Lets go of requests and lines, which a batch that has ended needs no more. */
    public void deleteRows(String id) throws IOException {
        AtomicFiles.delete(folder(id).resolve(INPUT));
        for (Results kind : Results.values()) {
            AtomicFiles.delete(folder(id).resolve(kind.file()));
        }
    }

    private static String id(ObjectNode batch) {
        return batch.path("id").asText();
    }

    private Path folder(String id) {
        return root.resolve(id);
    }
}
