package io.tandem.server.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.server.config.ConfigLoader;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Rules of the repository that no compiler knows. */
class TidyTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Set<String> UNTIDY = Set.of(".git", "target");
    private static final int MAX_FILE_LINES = 500;
    private static final int MAX_SCRIPT_COLUMNS = 120;
    /** TorchScript calls whose tensor is on the CPU unless they name a device. */
    private static final Pattern CREATION = Pattern.compile(
            "torch\\.(zeros|ones|empty|full|tensor|scalar_tensor|arange|range|linspace|logspace|eye|rand|randn|randint"
                    + "|randperm|normal|tril_indices|triu_indices|empty_strided|empty_permuted)\\(");

    private static List<Path> files(String extension) throws IOException {
        List<Path> files = new ArrayList<>();
        Files.walkFileTree(ROOT, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                // What is in these comes and goes while others work.
                return UNTIDY.contains(directory.getFileName().toString())
                        ? FileVisitResult.SKIP_SUBTREE
                        : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                if (file.toString().endsWith(extension)) {
                    files.add(file);
                }
                return FileVisitResult.CONTINUE;
            }
        });
        assertThat(files).isNotEmpty();
        return files;
    }

    @Test
    void filesAreSmall() throws IOException {
        for (Path file : files(".java")) {
            assertThat(Files.readAllLines(file).size()).as(file.toString()).isLessThanOrEqualTo(MAX_FILE_LINES);
        }
    }

    @Test
    void scriptsHaveShortLines() throws IOException {
        for (Path file : files(".py")) {
            for (String line : Files.readAllLines(file)) {
                assertThat(line.length()).as(file + ": " + line).isLessThanOrEqualTo(MAX_SCRIPT_COLUMNS);
            }
        }
    }

    @Test
    void kernelsSayWhereTheirTensorsLive() throws IOException {
        int creations = 0;
        for (Path file : files(".py")) {
            if (!file.toString().contains("/src/main/torchscript/")) {
                continue;
            }
            String text = Files.readString(file).replaceAll("(?m)#.*$", "");
            Matcher creation = CREATION.matcher(text);
            while (creation.find()) {
                creations++;
                String call = creation.group() + arguments(text, creation.end());
                assertThat(call).as(file.toString()).contains("device=");
            }
            // Only what the host reads is on a device by name.
            if (!file.endsWith("host.py")) {
                assertThat(text).as(file.toString()).doesNotContain("torch.device(\"");
            }
        }
        assertThat(creations).isPositive();
    }

    /** The rest of a call whose arguments begin there. */
    private static String arguments(String text, int from) {
        int open = 1;
        int at = from;
        while (open > 0) {
            char next = text.charAt(at++);
            open += next == '(' ? 1 : next == ')' ? -1 : 0;
        }
        return text.substring(from, at);
    }

    @Test
    void everyConfigurationLoads() throws IOException {
        for (Path file : files(".yaml")) {
            if (file.startsWith(ROOT.resolve("config"))) {
                assertThat(new ConfigLoader(ROOT, Map.of()).load(Optional.of(file), Map.of()))
                        .as(file.toString())
                        .isNotNull();
            }
        }
    }

    @Test
    void everyMetricIsExplained() throws IOException {
        // Attributes of spans are named like metrics.
        String explained = Files.readString(ROOT.resolve("docs/metrics.md"))
                + Files.readString(ROOT.resolve("docs/operations.md"));
        Pattern name = Pattern.compile("\"(tandem\\.[a-z.]+|vllm:[a-z0-9_]+)\"");
        for (Path file : files(".java")) {
            if (!file.toString().contains("/server/src/main/")
                    || file.toString().endsWith("ModelOptions.java")) {
                continue;
            }
            Matcher names = name.matcher(Files.readString(file));
            while (names.find()) {
                assertThat(explained).contains("`" + names.group(1) + "`");
            }
        }
    }
}
