package io.tandem.scheduler.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.StringReader;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ArrivalsTest {
    @ParameterizedTest
    @ValueSource(doubles = {0.25, 1, 3})
    void intervalsHaveTheMeanAndTheSpreadOfTheirShape(double shape) {
        Random random = new Random(1);
        DoubleSummaryStatistics draws = new DoubleSummaryStatistics();
        double squares = 0;
        for (int i = 0; i < 100_000; i++) {
            double draw = Arrivals.gamma(shape, random);
            draws.accept(draw);
            squares += draw * draw;
        }
        double mean = draws.getAverage();
        // Mean and variance of a Gamma distribution of scale 1 are its shape; 1% and 5% are five standard errors or
        // more.
        assertThat(mean).isCloseTo(shape, within(0.02 * Math.max(1, shape)));
        assertThat(squares / draws.getCount() - mean * mean).isCloseTo(shape, within(0.08 * Math.max(1, shape)));
    }

    @Test
    void readsWhatIsDocumented() throws IOException {
        assertThat(Arrivals.recorded(
                        new StringReader("# a comment\n" + Arrivals.HEADER + "\n0.5,10,20,ada\n\n0.5,1,1,\n")))
                .isEqualTo(List.of(new Arrival(0.5, 10, 20, "ada"), new Arrival(0.5, 1, 1, "")));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0,10,20",
                "0,10,20,ada,5",
                "zero,10,20,ada",
                "NaN,10,20,ada",
                "-1,10,20,ada",
                "0,0,20,ada",
                "0,10,-1,ada",
                "0,10,99999999999,ada",
                "0,10,2097152,ada",
                "1,10,20,ada\n0,10,20,ada"
            })
    void refusesByLine(String lines) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Arrivals.recorded(new StringReader(Arrivals.HEADER + "\n" + lines)))
                .withMessageStartingWith("line ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "# only a comment", "0,10,20,ada"})
    void refusesAFileWithoutHeader(String file) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Arrivals.recorded(new StringReader(file)))
                .withMessageContaining(Arrivals.HEADER);
    }
}
