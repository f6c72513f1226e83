package io.tandem.loadtest;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ScoreTableTest {
    @Test
    void aCellIsTheMeanOfItsSharesWithTheLowestAndTheHighest() {
        ScoreTable table = new ScoreTable();
        table.add("sum", "2 experts", 0.5);
        table.add("sum", "2 experts", 0.9);
        table.add("sum", "3 experts", 0.25);
        table.add("TIES", "3 experts", 1);
        table.add("TIES", "2 experts", 0);
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        table.print(new PrintStream(printed, true, StandardCharsets.UTF_8), "kept by");
        assertThat(printed.toString(StandardCharsets.UTF_8).strip().lines())
                .containsExactly(
                        "| kept by | 2 experts | 3 experts |",
                        "|---|---|---|",
                        "| sum | 70 % (50–90) | 25 % (25–25) |",
                        "| TIES | 0 % (0–0) | 100 % (100–100) |");
    }
}
