package io.tandem.server.finetune;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.learning.LearningPlan;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.finetune.JobSink.StepReport;
import io.tandem.scheduler.finetune.Scores;
import io.tandem.server.adapter.AdapterChoice;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.StoredData;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Damages what is in a data directory: whatever it is, the server starts and serves everything else. */
@Timeout(60)
class DamageTest {
    @TempDir
    private static Path whole;

    private static String finished;
    private static String running;
    private static String other;

    @TempDir
    private Path root;

    private enum Damage {
        EMPTY,
        TRUNCATED,
        BAD_BYTE,
        EMPTY_OBJECT,
        EMPTY_ARRAY,
        WRONG_TYPES,
        WRONG_TYPES_BUT_NAMES,
        DIRECTORY,
        DANGLING_LINK;

        /** Whether it is not one more kind of damage to something that is no JSON anyway, and can happen to it. */
        boolean matters(Target target) {
            return target.isDocument()
                    ? this != DIRECTORY && this != DANGLING_LINK
                    : target.place().contains(".json")
                            || !EnumSet.of(EMPTY_OBJECT, EMPTY_ARRAY, WRONG_TYPES, WRONG_TYPES_BUT_NAMES)
                                    .contains(this);
        }

        void apply(Path data, Target target) throws IOException {
            if (target.isDocument()) {
                List<String> names = List.of(target.place().split(":", 2));
                StoredData.change(data, names.get(0), names.get(1), this::applied);
            } else {
                apply(data.resolve(target.place()));
            }
        }

        private String applied(String body) {
            return switch (this) {
                case TRUNCATED -> body.substring(0, body.length() / 2);
                case BAD_BYTE ->
                    new StringBuilder(body)
                            .replace(body.length() / 2, body.length() / 2 + 1, "\0")
                            .toString();
                case EMPTY_OBJECT -> "{}";
                case EMPTY_ARRAY -> "[]";
                case WRONG_TYPES -> wrongTypes(body.getBytes(StandardCharsets.UTF_8), Set.of());
                case WRONG_TYPES_BUT_NAMES -> wrongTypes(body.getBytes(StandardCharsets.UTF_8), Set.of("id", "name"));
                default -> "";
            };
        }

        void apply(Path file) throws IOException {
            byte[] bytes = Files.readAllBytes(file);
            Files.delete(file);
            switch (this) {
                case EMPTY -> Files.createFile(file);
                case TRUNCATED -> Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
                case BAD_BYTE -> {
                    if (bytes.length > 0) {
                        bytes[bytes.length / 2] = (byte) 0xFF;
                    }
                    Files.write(file, bytes);
                }
                case EMPTY_OBJECT -> Files.writeString(file, "{}");
                case EMPTY_ARRAY -> Files.writeString(file, "[]");
                case WRONG_TYPES -> Files.writeString(file, wrongTypes(bytes, Set.of()));
                case WRONG_TYPES_BUT_NAMES -> Files.writeString(file, wrongTypes(bytes, Set.of("id", "name")));
                case DIRECTORY -> Files.createDirectory(file);
                case DANGLING_LINK -> Files.createSymbolicLink(file, Path.of("nowhere"));
            }
        }

        private static String wrongTypes(byte[] json, Set<String> kept) {
            try {
                if (JsonBody.MAPPER.readTree(json) instanceof ObjectNode object) {
                    for (Map.Entry<String, JsonNode> field : object.properties()) {
                        if (!kept.contains(field.getKey())) {
                            field.setValue(
                                    field.getValue().isContainerNode()
                                            ? object.numberNode(7)
                                            : object.arrayNode().addNull());
                        }
                    }
                    return object.toString();
                }
            } catch (IOException e) {
                // Not JSON, so any JSON is wrong.
            }
            return "{\"wrong\": [null]}";
        }
    }

    /** Two files, two adapters, a job that has ended and two that have not, each with checkpoints. */
    @BeforeAll
    static void fill() throws IOException {
        try (JobBench bench = JobBench.open(whole)) {
            bench.upload();
            bench.library.publish("one", JobBench.adapter(11), "test", 100).join();
            bench.library.publish("one", JobBench.adapter(12), "test", 50).join();
            bench.library.publish("two", JobBench.adapter(13), "test", 100).join();
            finished = bench.create("");
            JobSink sink = bench.engine.sink(finished);
            sink.checkpoint(JobBench.checkpoint(2));
            bench.succeed(finished, 14);
            running = begin(bench);
            other = begin(bench);
        }
    }

    private static String begin(JobBench bench) throws IOException {
        String id = bench.create(",\"hyperparameters\":{\"under\":[\"two\"]}");
        JobSink sink = bench.engine.sink(id);
        sink.step(new StepReport(1, 6, Scores.NONE, 1e-3, 1, 64, 64, 0.5, LearningPlan.EVERYTHING));
        sink.checkpoint(JobBench.checkpoint(2));
        sink.checkpoint(JobBench.checkpoint(4));
        bench.job(id);
        return id;
    }

    /**
     * A file or a document.
     *
     * @param place a path, or a collection and an id after a colon
     * @param object whose it is, as {@code files/ID}, {@code adapters/NAME} or {@code jobs/ID}
     */
    private record Target(String place, String object, boolean isDocument) {
        static Target file(Path file) {
            return new Target(file.toString(), file.subpath(0, 2).toString(), false);
        }

        static Target document(String collection, String id) {
            String[] parts = id.split("/");
            String object = switch (collection) {
                case "files" -> "files/" + parts[1];
                case "adapters" -> "adapters/" + parts[1].replace(":", "%3A");
                case "adapter-reports" -> "adapters/" + parts[1];
                case "jobs" -> "jobs/" + id;
                case "checkpoints" -> "jobs/" + parts[1];
                default -> throw new IllegalArgumentException(collection);
            };
            return new Target(collection + ":" + id, object, true);
        }

        /** Targets of one group are damaged one after the other. */
        String group() {
            return object.startsWith("jobs/") ? object.substring(5) : object.substring(0, object.indexOf('/'));
        }

        /** Of which target there are several: the place without names, numbers and hashes. */
        String kind() {
            return place.replace(object, "").replaceAll("default/[^/]*", "").replaceAll("[0-9a-f]{8,}|[0-9]+", "N");
        }
    }

    private record Hit(Damage damage, Target target) {}

    /**
     * One target of each kind, damaged in each way; one of each store at a time, which saves starts. Two jobs of the same
     * kind share what can happen to them.
     */
    static Stream<Arguments> damages() throws IOException {
        List<Target> targets = new ArrayList<>();
        try (Stream<Path> tree = Files.walk(whole)) {
            tree.filter(file -> Files.isRegularFile(file) && !file.getParent().equals(whole))
                    .map(whole::relativize)
                    .sorted()
                    .map(Target::file)
                    .forEach(targets::add);
        }
        StoredData.documents(whole).forEach(names -> targets.add(Target.document(names.get(0), names.get(1))));
        Map<String, Map<String, Target>> kinds = new TreeMap<>();
        for (Target target : targets) {
            if (!target.place().contains(finished) || target.place().startsWith("jobs:")) {
                kinds.computeIfAbsent(target.group(), group -> new TreeMap<>()).put(target.kind(), target);
            }
        }
        List<List<Hit>> groups = new ArrayList<>();
        kinds.forEach((group, found) -> {
            List<Hit> hits = found.values().stream()
                    .flatMap(target -> Stream.of(Damage.values())
                            .filter(damage -> damage.matters(target))
                            .map(damage -> new Hit(damage, target)))
                    .toList();
            groups.add(IntStream.range(0, hits.size())
                    .filter(i -> (!group.equals(running) || i % 2 == 0) && (!group.equals(other) || i % 2 == 1))
                    .mapToObj(hits::get)
                    .toList());
        });
        int most = groups.stream().mapToInt(List::size).max().orElseThrow();
        return IntStream.range(0, most)
                .mapToObj(i -> Arguments.of(groups.stream()
                        .filter(hits -> hits.size() > i)
                        .map(hits -> hits.get(i))
                        .toList()));
    }

    private Path copy() throws IOException {
        Path data = root.resolve("data");
        try (Stream<Path> tree = Files.walk(whole)) {
            for (Path path : tree.toList()) {
                Files.copy(path, data.resolve(whole.relativize(path).toString()));
            }
        }
        return data;
    }

    @ParameterizedTest
    @MethodSource("damages")
    void damagedFilesHideNothingButThemselves(List<Hit> hits) throws IOException {
        Path data = copy();
        Set<String> damaged = new HashSet<>();
        for (Hit hit : hits) {
            hit.damage().apply(data, hit.target());
            damaged.add(hit.target().object());
        }
        assertServesAllBut(data, damaged);
    }

    @Test
    void nothingDamagedHidesNothing() throws IOException {
        assertServesAllBut(copy(), Set.of());
    }

    /** What operating systems, editors and people leave in directories. */
    @Test
    void whatBelongsToSomebodyElseIsIgnored() throws IOException {
        Path data = copy();
        List<Path> directories;
        try (Stream<Path> tree = Files.walk(data)) {
            directories = tree.filter(Files::isDirectory).toList();
        }
        for (Path directory : directories) {
            Files.writeString(directory.resolve(".DS_Store"), "x");
            Files.writeString(directory.resolve("notes.txt~"), "x");
            Files.createDirectory(directory.resolve("lost+found"));
            Files.createDirectory(directory.resolve("backup of mine"));
            Files.createSymbolicLink(directory.resolve("link"), Path.of("nowhere"));
        }
        Files.createDirectory(data.resolve("jobs/ftjob-0"));
        Files.createDirectory(data.resolve("adapters/empty"));
        Files.createDirectory(data.resolve("files/file-000000000000000000000000"));
        assertServesAllBut(data, Set.of());
    }

    /** @param damaged what need not be served, as {@code files/ID}, {@code adapters/NAME} or {@code jobs/ID} */
    private void assertServesAllBut(Path data, Set<String> damaged) throws IOException {
        try (JobBench bench = JobBench.open(data)) {
            Set<String> served = new HashSet<>();
            for (ObjectNode object : bench.files.list()) {
                String id = object.path("id").asText();
                if (content(bench, id)) {
                    served.add("files/" + id);
                }
            }
            for (String name : bench.library.names()) {
                try {
                    bench.library
                            .stack(new AdapterChoice(
                                    name, bench.library.require(name).currentVersion()))
                            .join();
                    served.add("adapters/" + name.replace(":", "%3A"));
                } catch (CompletionException e) {
                    assertThat(e).hasCauseInstanceOf(ApiException.class);
                }
            }
            for (ObjectNode job : bench.jobs.list(TenantId.DEFAULT).join()) {
                served.add("jobs/" + job.path("id").asText());
            }
            assertThat(served).containsAll(objects(damaged));
            assertJob(bench, finished, damaged);
            assertJob(bench, running, damaged);
            assertJob(bench, other, damaged);
        }
    }

    private static boolean content(JobBench bench, String id) throws IOException {
        try (FileChannel content = bench.files.open(id).orElse(null)) {
            return content != null && Channels.newInputStream(content).readAllBytes().length > 0;
        }
    }

    private static List<String> objects(Set<String> damaged) {
        List<String> objects = new ArrayList<>();
        for (List<String> names : StoredData.documents(whole)) {
            if (Set.of("files", "adapters", "jobs").contains(names.get(0))) {
                objects.add(Target.document(names.get(0), names.get(1)).object());
            }
        }
        objects.removeAll(damaged);
        return objects;
    }

    /** A job goes on, or says why it does not. */
    private static void assertJob(JobBench bench, String id, Set<String> damaged) {
        ObjectNode job;
        try {
            job = bench.job(id);
        } catch (CompletionException e) {
            assertThat(e).hasCauseInstanceOf(ApiException.class);
            assertThat(damaged).contains("jobs/" + id);
            return;
        }
        bench.awaitStart(id);
        job = bench.job(id);
        int checkpoints = bench.jobs.checkpoints(TenantId.DEFAULT, id).join().size();
        List<ObjectNode> events =
                bench.jobs.events(TenantId.DEFAULT, id, null, 100).join();
        if (damaged.contains("jobs/" + id)) {
            boolean failed = job.path("status").asText().equals("failed");
            assertThat(failed || bench.engine.work(id).isPresent() || id.equals(finished))
                    .as(job.toString())
                    .isTrue();
            assertThat(!failed || !job.path("error").path("message").asText().isEmpty())
                    .isTrue();
            return;
        }
        assertThat(events).isNotEmpty();
        assertThat(job.path("status").asText()).isEqualTo(id.equals(finished) ? "succeeded" : "queued");
        assertThat(checkpoints).isEqualTo(id.equals(finished) ? 1 : 2);
        assertThat(bench.engine.work(id).isPresent()).isEqualTo(!id.equals(finished));
    }
}
