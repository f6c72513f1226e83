package io.tandem.server.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.document.Change;
import io.tandem.server.storage.document.StoredJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes over the data directory of a server that kept each document in a file. The documents come into the database in one
 * transaction; then their files are moved aside, and what else there is stays where it is. Whenever the process ends in
 * between, the next start goes on.
 */
final class LegacyImport {
    private static final Logger LOG = LoggerFactory.getLogger(LegacyImport.class);
    /** Where the files of documents are afterwards. */
    private static final String ASIDE = "upgraded";

    private static final String MARK = "store";
    private static final String IMPORTED = "imported";
    private static final Pattern STEP = CheckpointStore.NAME;
    private static final Pattern REPORT = Pattern.compile("([0-9a-f]{12,})\\.json");
    private static final Pattern DAY = Pattern.compile("([0-9]{4}-[0-9]{2}-[0-9]{2})\\.json");

    private final Path root;
    private final List<Change> documents = new ArrayList<>();
    private final List<Path> files = new ArrayList<>();

    private LegacyImport(Path root) {
        this.root = root;
    }

    /** @param root of a data directory in which files are as earlier servers left them */
    static void run(Path root, Storage storage) throws IOException {
        LegacyImport legacy = new LegacyImport(root);
        legacy.read();
        if (storage.get(MARK, IMPORTED).isEmpty()) {
            legacy.documents.add(new Change.Put(MARK, IMPORTED, "{}"));
            storage.write(legacy.documents);
            LOG.info(
                    "{} documents of an earlier version were taken over into the database",
                    legacy.documents.size() - 1);
        }
        legacy.moveAside();
    }

    private void read() throws IOException {
        readFolder(TenantId.DEFAULT, root);
        for (Path folder : AtomicFiles.directories(root.resolve("tenants"), TenantId::isOne)) {
            TenantId tenant = new TenantId(name(folder));
            document(folder.resolve("tenant.json"), TenantStore.COLLECTION, tenant.value());
            for (Path day : files(folder.resolve("usage"), DAY.asMatchPredicate())) {
                document(
                        day,
                        UsageStore.COLLECTION,
                        tenant.value() + "/" + name(day).replace(".json", ""));
            }
            if (!tenant.isDefault()) {
                readFolder(tenant, folder);
            }
        }
        for (Path folder : AtomicFiles.directories(root.resolve("jobs"), JobStore.ID.asMatchPredicate())) {
            readJob(folder);
        }
        for (Path folder : AtomicFiles.directories(root.resolve("batches"), BatchStore.ID.asMatchPredicate())) {
            String id = name(folder);
            document(folder.resolve("batch.json"), BatchStore.COLLECTION, id);
            for (BatchStore.Results kind : BatchStore.Results.values()) {
                log(
                        folder.resolve(kind.file()),
                        BatchStore.log(id, kind),
                        line -> line.startsWith("{") && line.endsWith("}"));
            }
        }
    }

    private void readFolder(TenantId tenant, Path folder) throws IOException {
        for (Path file : AtomicFiles.directories(folder.resolve("files"), FileStore::isId)) {
            document(file.resolve("file.json"), FileStore.COLLECTION, FileStore.document(tenant, name(file)));
        }
        for (Path adapter : AtomicFiles.directories(folder.resolve("adapters"), SafeName::encoded)) {
            String id = AdapterStore.prefix(tenant) + SafeName.decode(name(adapter));
            document(adapter.resolve("adapter.json"), AdapterStore.MANIFESTS, id);
            for (Path report : files(adapter, REPORT.asMatchPredicate())) {
                String hash = name(report).replace(".json", "");
                document(report, AdapterStore.REPORTS, AdapterStore.report(tenant, name(adapter), hash));
            }
        }
    }

    private void readJob(Path folder) throws IOException {
        String id = name(folder);
        document(folder.resolve("job.json"), JobStore.COLLECTION, id);
        log(folder.resolve("events.jsonl"), EventLog.name(id), line -> !line.isEmpty());
        log(folder.resolve("metrics.csv"), JobMetrics.log(id), line -> !line.isEmpty());
        readCheckpoints(folder, Keys.job(id));
        for (Path trial : AtomicFiles.directories(folder, name -> name.startsWith(CheckpointStore.TRIAL))) {
            readCheckpoints(trial, Keys.job(id) + "/" + name(trial));
        }
    }

    /** Their objects stay in their directories, where nothing reads them any more. */
    private void readCheckpoints(Path folder, String key) throws IOException {
        for (Path step : AtomicFiles.directories(folder.resolve(CheckpointStore.DIRECTORY), STEP.asMatchPredicate())) {
            ObjectNode object = text(step.resolve("checkpoint.json"))
                    .flatMap(json -> StoredJson.parse(json, step.toString()))
                    .orElseGet(JsonBody.MAPPER::createObjectNode);
            documents.add(CheckpointStore.put(
                    key + "/" + CheckpointStore.DIRECTORY + "/" + name(step),
                    object,
                    Files.exists(step.resolve("published"))));
        }
    }

    /** Damaged ones too, so that it is not forgotten that there was something. */
    private void document(Path file, String collection, String id) {
        Optional<String> text = text(file);
        if (text.isPresent() && Change.isId(id)) {
            documents.add(new Change.Put(collection, id, text.get()));
            files.add(file);
        }
    }

    private void log(Path file, String log, Predicate<String> whole) {
        Optional<String> text = text(file);
        if (text.isPresent()) {
            documents.add(
                    new Change.Append(log, text.get().lines().filter(whole).toList()));
            files.add(file);
        }
    }

    /** What is in a file, with marks for what is no text; empty if there is none. */
    private static Optional<String> text(Path file) {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            return Optional.of(new String(Files.readAllBytes(file), StandardCharsets.UTF_8));
        } catch (IOException e) {
            StoredJson.report(file.toString(), String.valueOf(e.getMessage()));
            return Optional.of("");
        }
    }

    private void moveAside() throws IOException {
        for (Path file : files) {
            Path aside = root.resolve(ASIDE).resolve(root.relativize(file).toString());
            Files.createDirectories(Objects.requireNonNull(aside.getParent()));
            Files.move(file, aside, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    private static List<Path> files(Path directory, Predicate<String> names) throws IOException {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> all = Files.list(directory)) {
            return all.filter(path -> names.test(name(path))).sorted().toList();
        }
    }

    private static String name(Path path) {
        return path.getFileName().toString();
    }
}
