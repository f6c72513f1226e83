package io.tandem.scheduler.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.inference.Sequence;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** With a target of 100 ms per token, answers are paced at 95 ms. */
class IterationBudgetTest {
    private static final long MILLI = 1_000_000;

    private final IterationBudget budget = new IterationBudget(new Targets(100, 2000));

    private double millis(List<Sequence> running, long nowMillis) {
        return (double) budget.nanos(running, nowMillis * MILLI) / MILLI;
    }

    @Test
    void withoutAnswersAnIterationTakesTwiceThePaceAtMost() {
        assertThat(millis(List.of(), 0)).isEqualTo(190);
        assertThat(millis(List.of(Running.prompt(10, 10, 0)), 0)).isEqualTo(190);
    }

    /** One answer of 40 tokens, of which 10 are there; the eleventh is due 950 ms after the first. */
    @ParameterizedTest
    @CsvSource({
        "0, 190", // much to spare
        "800, 150",
        "855, 95", // on pace
        "900, 50",
        "920, 47.5", // what it owes is given back in several iterations
        "2374, 47.5", // half of the 30 iterations that are left make up for all of it
        "2376, 95" // nothing does any more, so nobody hurries
    })
    void whatAnAnswerCanSpareIsTheBudget(long nowMillis, double expected) {
        assertThat(millis(List.of(Running.answer(10, 40, 0)), nowMillis)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"0, 190", "1900, 100", "1990, 47.5", "2001, 95"})
    void aPromptHurriesUntilItsFirstTokenIsLate(long nowMillis, double expected) {
        assertThat(millis(List.of(Running.prompt(10, 10, 0)), nowMillis)).isEqualTo(expected);
    }

    @Test
    void theAnswerWithTheLeastToSpareDecides() {
        Sequence slow = Running.answer(10, 40, 0);
        Sequence lost = Running.answer(1, 2, 0);
        Sequence early = Running.answer(30, 40, 0);
        assertThat(millis(List.of(early, slow), 880)).isEqualTo(70);
        assertThat(millis(List.of(early, lost), 880)).isEqualTo(95);
        assertThat(millis(List.of(slow, lost, early), 880)).isEqualTo(70);
    }
}
