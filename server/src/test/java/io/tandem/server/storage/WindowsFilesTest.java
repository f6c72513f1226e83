package io.tandem.server.storage;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.blob.DiskBlobs;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The stores under the rules of Windows: a directory cannot be opened, and a name cannot contain a colon. */
class WindowsFilesTest {
    private static final TinyModel MODEL = TinyModel.of(TinyModel.Variant.LLAMA, 1);
    private static final String ADAPTER = "ft:sample:json:1";
    private static final String JOB = "ftjob-1";

    @Test
    void whatIsStoredIsThereAfterARestart() throws IOException {
        try (FileSystem windows = Jimfs.newFileSystem(Configuration.windows())) {
            Path root = windows.getPath("C:\\tandem\\data");
            String file = store(root);
            try (DataDirectory data = DataDirectory.open(root)) {
                Storage storage = open(data);
                FileStore files = StoredData.files(storage);
                JobStore jobs = new JobStore(storage, data.jobs());
                assertThat(files.find(file)).isPresent();
                assertThat(adapters(data, storage).manifests()).containsOnlyKeys(ADAPTER);
                assertThat(jobs.loadAll())
                        .extracting(job -> job.path("id").asText())
                        .containsExactly(JOB);
                assertThat(files.delete(file)).isTrue();
                assertThat(files.list()).isEmpty();
                jobs.delete(JOB);
                assertThat(data.jobs()).isEmptyDirectory();
            }
        }
    }

    /** One of each; returns the file's id. */
    private static String store(Path root) throws IOException {
        try (DataDirectory data = DataDirectory.open(root)) {
            Storage storage = open(data);
            FileStore files = StoredData.files(storage);
            Path upload = Files.writeString(data.uploads().resolve("upload"), "{}");
            String file =
                    files.add(upload, "a.jsonl", "fine-tune", 1).path("id").asText();
            AdapterStore adapters = adapters(data, storage);
            adapters.saveManifest(ADAPTER, JsonBody.MAPPER.createObjectNode());
            PeftFormat.write(
                    data.uploads().resolve("adapter"),
                    TinyAdapters.random(MODEL.config(), Set.of(TargetModule.Q_PROJ), 2, 1),
                    MODEL.config());
            ObjectNode job = JsonBody.MAPPER.createObjectNode().put("id", JOB);
            JobStore jobs = new JobStore(storage, data.jobs());
            jobs.create(job, new JobStore.Inputs(Set.of(file), List.of(), List.of()), files, adapters);
            jobs.save(job.put("status", "running"));
            jobs.append(JOB, JsonBody.MAPPER.createObjectNode());
            return file;
        }
    }

    private static Storage open(DataDirectory data) throws IOException {
        return new Storage(new FileDocuments(data.database()), new DiskBlobs(data.blobs()));
    }

    private static AdapterStore adapters(DataDirectory data, Storage storage) {
        return new AdapterStore(storage, TenantId.DEFAULT, data.uploads(), MODEL.config(), 8);
    }
}
