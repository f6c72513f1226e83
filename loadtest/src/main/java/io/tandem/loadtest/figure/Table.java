package io.tandem.loadtest.figure;

import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Predicate;

/** The rows of a CSV file whose first line names the columns. */
public final class Table {
    private static final ObjectReader READER = new CsvMapper()
            .readerForMapOf(String.class)
            .with(CsvSchema.emptySchema().withHeader());

    private final List<Map<String, String>> rows;

    private Table(List<Map<String, String>> rows) {
        this.rows = List.copyOf(rows);
    }

    /** @throws IOException if the file cannot be read, or is not a table */
    public static Table read(Path file) throws IOException {
        return new Table(READER.<Map<String, String>>readValues(file.toFile()).readAll());
    }

    /**
     * Writes a table.
     *
     * @param header the columns' names, joined by commas
     * @param rows numbers and names
     */
    public static void write(Path file, String header, List<List<?>> rows) throws IOException {
        List<String> lines = new ArrayList<>(List.of(header));
        for (List<?> row : rows) {
            lines.add(line(row.toArray()));
        }
        Files.createDirectories(Objects.requireNonNull(file.toAbsolutePath().getParent()));
        Files.write(file, lines);
    }

    /** One line of a table, with quotes as RFC 4180 has them. */
    public static String line(Object... cells) {
        return String.join(",", Arrays.stream(cells).map(Table::quoted).toList());
    }

    private static String quoted(Object cell) {
        String text = String.valueOf(cell);
        boolean plain = text.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
        return plain ? text : '"' + text.replace("\"", "\"\"") + '"';
    }

    /** Those rows that have a value in a column. */
    public Table where(String column, String value) {
        return where(row -> value.equals(row.get(column)));
    }

    public Table where(Predicate<Map<String, String>> condition) {
        return new Table(rows.stream().filter(condition).toList());
    }

    /** @throws IllegalArgumentException if a row has no such column */
    public List<String> texts(String column) {
        return rows.stream().map(row -> cell(row, column)).toList();
    }

    /** The different values of a column, in order of appearance. */
    public List<String> distinct(String column) {
        return texts(column).stream().distinct().toList();
    }

    /** A column of numbers; what is empty is NaN. */
    public double[] numbers(String column) {
        return texts(column).stream()
                .mapToDouble(text -> text.isBlank() ? Double.NaN : Double.parseDouble(text))
                .toArray();
    }

    /** The columns' names; none if there are no rows. */
    public Set<String> columns() {
        return rows.isEmpty() ? Set.of() : rows.get(0).keySet();
    }

    public int size() {
        return rows.size();
    }

    private static String cell(Map<String, String> row, String column) {
        String value = row.get(column);
        if (value == null) {
            throw new IllegalArgumentException("there is no column '" + column + "' among " + row.keySet());
        }
        return value;
    }
}
