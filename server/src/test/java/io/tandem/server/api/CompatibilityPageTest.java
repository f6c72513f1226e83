package io.tandem.server.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.server.api.RequestField.Origin;
import io.tandem.server.api.RequestField.Route;
import io.tandem.server.api.RequestField.Support;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The tables of docs/compatibility.md say what the code does. With {@code -Ddocs.write} they are written. */
class CompatibilityPageTest {
    private static final Path PAGE = Path.of("../docs/compatibility.md");
    private static final String BEGIN = "<!-- fields: begin -->\n";
    private static final String END = "<!-- fields: end -->\n";

    @Test
    void listsWhatBecomesOfEachField() throws IOException {
        String page = Files.readString(PAGE);
        int from = page.indexOf(BEGIN) + BEGIN.length();
        int to = page.indexOf(END);
        String tables = Arrays.stream(Origin.values())
                .map(CompatibilityPageTest::table)
                .collect(Collectors.joining("\n", "\n", "\n"));
        if (System.getProperty("docs.write") != null) {
            Files.writeString(PAGE, page.substring(0, from) + tables + page.substring(to));
            return;
        }
        assertThat(page.substring(from, to))
                .as("run the tests of this class with -Ddocs.write")
                .isEqualTo(tables);
    }

    private static String table(Origin origin) {
        return "### " + origin.title() + "\n\n| field | completions | chat | responses | |\n|---|---|---|---|---|\n"
                + RequestFields.list().stream()
                        .filter(field -> field.origin() == origin)
                        .map(RequestField::name)
                        .distinct()
                        .map(name -> row(origin, name))
                        .collect(Collectors.joining());
    }

    private static String row(Origin origin, String name) {
        String notes = fields(origin, name)
                .map(RequestField::note)
                .filter(note -> !note.isEmpty())
                .distinct()
                .collect(Collectors.joining("; "));
        String cells = Arrays.stream(Route.values())
                .map(route -> cell(origin, name, route))
                .collect(Collectors.joining(" | "));
        return "| `" + name + "` | " + cells + " | " + notes + " |\n";
    }

    private static String cell(Origin origin, String name, Route route) {
        return fields(origin, name)
                .filter(field -> field.routes().contains(route))
                .map(field -> field.support().name().toLowerCase(Locale.ROOT) + neutral(field))
                .findFirst()
                .orElse("–");
    }

    private static String neutral(RequestField field) {
        return field.neutral().isEmpty() || field.support() != Support.REFUSED
                ? ""
                : " unless "
                        + field.neutral().stream()
                                .map(value -> "`" + value + "`")
                                .collect(Collectors.joining(", "));
    }

    private static Stream<RequestField> fields(Origin origin, String name) {
        return RequestFields.list().stream()
                .filter(field -> field.origin() == origin && field.name().equals(name));
    }
}
