package io.tandem.server;

import io.tandem.server.config.ServerConfig;
import io.tandem.server.storage.DataDirectory;
import io.tandem.server.storage.document.DocumentsCopy;
import io.tandem.server.storage.document.PostgresAddress;
import io.tandem.server.storage.document.PostgresDocuments;
import io.tandem.server.storage.document.SqliteDocuments;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code tandem copy-documents}. */
@Command(
        name = "copy-documents",
        description = {
            "Copies what a server keeps in SQLite into the PostgreSQL database that storage.documents (or"
                    + " TANDEM_DOCUMENTS) names, which has to be empty. The server must not run.",
            "Uploaded files, checkpoints and adapters stay in the data directory."
        },
        mixinStandardHelpOptions = true)
final class CopyDocumentsCommand implements Callable<Integer> {
    @Spec
    private @Nullable CommandSpec spec;

    @Mixin
    private final StoredOptions stored = new StoredOptions();

    @Override
    public Integer call() throws Exception {
        ServerConfig settings = stored.settings();
        PostgresAddress target = settings.storage()
                .database()
                .orElseThrow(() -> new IOException("storage.documents names no database to copy to"));
        try (DataDirectory directory = DataDirectory.open(settings.data())) {
            Path file = directory.database();
            if (!Files.exists(file)) {
                throw new IOException("there is no " + file + " to copy");
            }
            int count;
            try (SqliteDocuments from = SqliteDocuments.open(file, directory.uploads());
                    PostgresDocuments to = PostgresDocuments.open(target)) {
                count = DocumentsCopy.copy(from, to);
            }
            Path aside = file.resolveSibling(file.getFileName() + ".copied");
            Files.move(file, aside, StandardCopyOption.ATOMIC_MOVE);
            if (spec != null) {
                spec.commandLine()
                        .getOut()
                        .printf(
                                "%d documents were copied to %s. Those in SQLite are in %s now.%n",
                                count, target, aside);
            }
        }
        return 0;
    }
}
