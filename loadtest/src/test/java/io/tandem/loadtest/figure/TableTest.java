package io.tandem.loadtest.figure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TableTest {
    @TempDir
    private Path directory;

    @Test
    void whatIsWrittenIsRead() throws Exception {
        Path file = directory.resolve("new/table.csv");
        Table.write(file, "name,value", List.of(List.of("a", 1.5), List.of("b", ""), List.of("a", 2)));
        Table table = Table.read(file);
        assertThat(table.columns()).containsExactly("name", "value");
        assertThat(table.distinct("name")).containsExactly("a", "b");
        assertThat(table.numbers("value")).containsExactly(1.5, Double.NaN, 2);
        assertThat(table.where("name", "a").numbers("value")).containsExactly(1.5, 2);
    }

    @Test
    void namesMayHaveCommasQuotesAndLines() throws Exception {
        Path file = directory.resolve("table.csv");
        List<String> names = List.of("words, forwards", "a \"word\"", "two\nlines", "plain");
        Table.write(file, "name", names.stream().<List<?>>map(List::of).toList());
        assertThat(Table.read(file).texts("name")).isEqualTo(names);
    }

    @Test
    void aColumnThatIsNotThereIsNamed() throws Exception {
        Path file = directory.resolve("table.csv");
        Table.write(file, "name", List.of(List.of("a")));
        assertThatThrownBy(() -> Table.read(file).numbers("speed")).hasMessageContaining("'speed'");
    }
}
