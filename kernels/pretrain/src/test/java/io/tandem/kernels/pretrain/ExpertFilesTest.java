package io.tandem.kernels.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ExpertFilesTest {
    private static final int EXAMPLES = 300;
    private static final int LESSONS = 2_000;

    @TempDir
    private static Path directory;

    @BeforeAll
    static void write() throws IOException {
        ExpertFiles.write(directory, 1, EXAMPLES, LESSONS);
    }

    static List<String> skills() {
        return ExpertFiles.skills();
    }

    @ParameterizedTest
    @MethodSource("skills")
    void theLanguagesAreParallelAndNoItemOfATestIsTaught(String skill) throws IOException {
        List<String> test = lines(skill + ".test");
        List<String> train = lines(skill + ".train");
        assertThat(test).hasSize(100);
        assertThat(train).hasSize(EXAMPLES).doesNotContainAnyElementsOf(test).doesNotHaveDuplicates();
        // JSON's keys, such as "role", are no part of the text.
        List<String> sister = lines(ExpertFiles.inSister(skill) + ".test");
        for (int i = 0; i < test.size(); i++) {
            assertThat(texts(sister.get(i)))
                    .isEqualTo(
                            texts(test.get(i)).stream().map(SisterLanguage::of).toList());
        }
    }

    @Test
    void theLanguageIsTaughtWithoutItsTestAndWithoutTheSkills() throws IOException {
        List<String> test = lines("language.test");
        List<String> train = lines("language.train");
        assertThat(test).hasSize(100).doesNotHaveDuplicates();
        assertThat(train).hasSize(LESSONS);
        Set<String> taught = new HashSet<>();
        train.forEach(line -> taught.add(texts(line).get(0)));
        assertThat(test).noneMatch(line -> taught.contains(texts(line).get(0)));
        for (String skill : skills()) {
            assertThat(lines(ExpertFiles.inSister(skill) + ".test"))
                    .noneMatch(line -> taught.contains(texts(line).get(0)));
        }
    }

    @Test
    void theSameSeedWritesTheSame(@TempDir Path other) throws IOException {
        ExpertFiles.write(other, 1, EXAMPLES, LESSONS);
        for (String subject : List.of("json", "sums.sister", "language")) {
            assertThat(other.resolve(subject + ".train.jsonl"))
                    .hasSameTextualContentAs(directory.resolve(subject + ".train.jsonl"));
        }
    }

    private static List<String> lines(String file) throws IOException {
        return Files.readAllLines(directory.resolve(file + ".jsonl"));
    }

    /** Question and answer. */
    private static List<String> texts(String line) {
        return List.of(line.split("\"content\":\"", -1)).subList(1, 3).stream()
                .map(rest -> rest.substring(0, rest.indexOf("\"}")))
                .toList();
    }
}
