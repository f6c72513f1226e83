package io.tandem.server.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.io.FileOutputStream;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Who may know whom. */
class ArchitectureTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.tandem");

    @Test
    void compileArrowsPointOneWay() {
        check(
                noClasses()
                        .that()
                        .resideInAPackage("io.tandem.kernels..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(
                                "io.tandem.scheduler..", "io.tandem.server..", "io.vertx..", "io.micrometer.."),
                noClasses()
                        .that()
                        .resideInAPackage("io.tandem.scheduler..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage("io.tandem.server..", "ai.djl..", "io.vertx..", "io.micrometer.."));
    }

    @Test
    void theDeviceLibraryStaysInItsRooms() {
        check(noClasses()
                .that()
                .resideOutsideOfPackages(
                        "io.tandem.kernels.torchscript",
                        "io.tandem.kernels.tensor",
                        "io.tandem.kernels.decoder",
                        "io.tandem.kernels.device",
                        "io.tandem.server.text")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("ai.djl.."));
    }

    @Test
    void theSchedulerHasNoClockAndNoThreads() {
        check(
                noClasses()
                        .that()
                        .resideInAPackage("io.tandem.scheduler..")
                        .should()
                        .callMethod(System.class, "nanoTime"),
                noClasses()
                        .that()
                        .resideInAPackage("io.tandem.scheduler..")
                        .should()
                        .callMethod(System.class, "currentTimeMillis"),
                noClasses()
                        .that()
                        .resideInAPackage("io.tandem.scheduler..")
                        .should()
                        .callMethod(Thread.class, "start"));
    }

    @Test
    void roomsHaveNoCycles() {
        check(
                slices().matching("io.tandem.(**)")
                        .that(describe(
                                "are in kernels", slice -> slice.getNamePart(1).startsWith("kernels")))
                        .should()
                        .beFreeOfCycles(),
                slices().matching("io.tandem.scheduler.(*)..").should().beFreeOfCycles(),
                slices().matching("io.tandem.server.(*)..").should().beFreeOfCycles(),
                slices().matching("io.tandem.server.(**)")
                        .that(describe(
                                "are in finetune", slice -> slice.getNamePart(1).startsWith("finetune")))
                        .should()
                        .beFreeOfCycles());
    }

    /** The tool that trains the sample model is no part of what is served with. */
    @Test
    void theServerShipsNoTools() {
        check(noClasses().should().resideInAnyPackage("io.tandem.kernels.pretrain..", "io.tandem.loadtest.."));
    }

    /** What handlers share with a store: uploaded files, names, and why the disk did not take something. */
    @Test
    void handlersKnowNoStoreAndNoDevice() {
        Set<String> shared =
                Set.of("DiskFailure", "FileStore", "NotStoredException", "SafeName", "ScratchDirectory", "TenantFiles");
        check(
                noClasses()
                        .that()
                        .resideInAPackage("io.tandem.server.http")
                        .should()
                        .dependOnClassesThat(resideInAPackage("io.tandem.server.storage")
                                .and(describe("are internal", type -> !shared.contains(type.getSimpleName())))),
                noClasses()
                        .that()
                        .resideInAPackage("io.tandem.server.http")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(
                                "io.tandem.kernels.decoder",
                                "io.tandem.kernels.device",
                                "io.tandem.kernels.tensor",
                                "io.tandem.kernels.torchscript",
                                "io.tandem.kernels.weights"));
    }

    /** Each is in docs/hardening.md: tested for what a loss of power leaves of it, or with the reason why not. */
    @Test
    void whoeverWritesFilesIsKnown() {
        Set<String> known = Set.of(
                // Stores, tested by PowerLossTest, and what they write with.
                "AdapterStore",
                "AtomicFiles",
                "BatchStore",
                "CheckpointState",
                "CheckpointStore",
                "DataDirectory",
                "DiskBlobs",
                "DurableFile",
                "FileStore",
                "JobStore",
                "NewBase",
                "ResultLog",
                "SafetensorsWriter",
                "Storage",
                // What is interrupted of these, the next start does again, as their own tests show.
                "CopyDocumentsCommand",
                "LegacyImport",
                "SqliteRepair",
                // Nothing but room.
                "DiskReserve",
                // Progress that may lose its last lines.
                "TensorBoardFile",
                // Scratch files, which the next start deletes.
                "AdapterArchive",
                "AdapterTransfer",
                "ScratchDirectory",
                // What is on its way to a bucket, and copies of what is there.
                "BlobCache",
                "Bucket",
                "S3Blobs",
                // Downloads of the command line.
                "ServerClient",
                // A cache of what can be fetched again: forced to the disk before it gets its name.
                "Download",
                "HubCache",
                // They only read.
                "GgufFile",
                "ModelIdentity",
                "SafetensorsFile");
        Set<String> writing = Set.of(
                "copy",
                "createFile",
                "createLink",
                "createSymbolicLink",
                "createTempDirectory",
                "createTempFile",
                "move",
                "newBufferedWriter",
                "newByteChannel",
                "newOutputStream",
                "write",
                "writeString");
        check(noClasses()
                .that(describe(
                        "are not known",
                        // What tests write with comes in a jar of its own.
                        type -> !known.contains(type.getSimpleName())
                                && !type.getPackageName().startsWith("io.tandem.kernels.testing")))
                .should()
                .callMethodWhere(describe(
                        "write files",
                        call -> call.getTargetOwner().isEquivalentTo(Files.class) && writing.contains(call.getName())
                                || call.getTargetOwner().isEquivalentTo(FileChannel.class)
                                        && call.getName().equals("open")))
                .orShould()
                .dependOnClassesThat()
                .areAssignableTo(FileOutputStream.class)
                .orShould()
                .dependOnClassesThat()
                .areAssignableTo(RandomAccessFile.class));
    }

    @Test
    void nothingStaticChanges() {
        check(fields().that().areStatic().should().beFinal());
    }

    @Test
    void namesSayWhatThingsAre() {
        check(noClasses().should().haveNameMatching(".*(Util|Utils|Helper|Manager|Impl)$"));
    }

    private void check(ArchRule... rules) {
        List.of(rules).forEach(rule -> rule.check(CLASSES));
    }
}
