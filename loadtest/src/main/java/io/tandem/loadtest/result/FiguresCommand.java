package io.tandem.loadtest.result;

import io.tandem.loadtest.figure.Figure;
import io.tandem.loadtest.figure.Table;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Draws the figure of every table that has one, beside the table. Measures nothing. */
@Command(
        name = "figures",
        mixinStandardHelpOptions = true,
        description = "Draws every figure again from the CSV files, and measures nothing.")
public final class FiguresCommand implements Callable<Integer> {
    private static final PrintStream OUT = System.out;
    private static final String TABLE = ".csv";

    @Parameters(
            paramLabel = "DIR",
            defaultValue = "docs/results",
            description = "Where to look for CSV files; default ${DEFAULT-VALUE}.")
    private Path directory = Path.of("");

    public static void main(String[] args) {
        System.exit(new CommandLine(new FiguresCommand()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        List<Path> tables;
        try (Stream<Path> files = Files.walk(directory)) {
            tables = files.filter(file -> file.toString().endsWith(TABLE))
                    .sorted()
                    .toList();
        }
        for (Path file : tables) {
            Optional<Figure> figure = ResultFigures.of(Table.read(file));
            String name = file.toString();
            Path picture = Path.of(name.substring(0, name.length() - TABLE.length()) + ".svg");
            if (figure.isPresent()) {
                figure.get().write(picture);
            }
            OUT.println(figure.isPresent() ? picture : file + " has no figure");
        }
        return 0;
    }
}
