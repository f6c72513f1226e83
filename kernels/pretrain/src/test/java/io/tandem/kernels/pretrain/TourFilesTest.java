package io.tandem.kernels.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TourFilesTest {
    private static final Path COMMITTED = Path.of("..", "..", "config", "tour");

    @Test
    void committedFilesAreWhatTheGeneratorWrites(@TempDir Path directory) throws IOException {
        TourFiles.write(directory, 1);
        try (var files = Files.list(directory)) {
            for (Path file : files.toList()) {
                assertThat(COMMITTED.resolve(file.getFileName())).hasSameTextualContentAs(file);
            }
        }
    }

    @Test
    void moreExamplesAreAsManyAsThereAre(@TempDir Path directory) throws IOException {
        TourFiles.write(directory, 1, Map.of("json", 2000, "reverse", 400));
        for (TourTask task : TourTask.values()) {
            List<String> train = Files.readAllLines(directory.resolve(task.label() + ".train.jsonl"));
            List<String> test = Files.readAllLines(directory.resolve(task.label() + ".test.jsonl"));
            assertThat(train)
                    .hasSize(
                            switch (task) {
                                case JSON -> task.items(Words.load()) - test.size();
                                case PIG_LATIN -> 350;
                                case REVERSE -> 400;
                            })
                    .doesNotHaveDuplicates()
                    .doesNotContainAnyElementsOf(test);
            assertThat(COMMITTED.resolve(task.label() + ".test.jsonl"))
                    .hasSameTextualContentAs(directory.resolve(task.label() + ".test.jsonl"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"json", "pig-latin", "reverse"})
    void testAndTrainingExamplesAreDisjoint(String task) throws IOException {
        List<String> train = Files.readAllLines(COMMITTED.resolve(task + ".train.jsonl"));
        List<String> test = Files.readAllLines(COMMITTED.resolve(task + ".test.jsonl"));
        assertThat(train).hasSize(350).doesNotHaveDuplicates();
        assertThat(test).hasSize(100).doesNotHaveDuplicates();
        Set<String> both = new HashSet<>(train);
        both.retainAll(test);
        assertThat(both).isEmpty();
    }
}
