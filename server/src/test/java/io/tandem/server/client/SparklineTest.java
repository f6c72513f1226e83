package io.tandem.server.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SparklineTest {
    private static final List<Double> FALLING =
            IntStream.range(0, 16).mapToObj(i -> 16.0 - i).toList();

    @Test
    void showsBlocksWhereTheTerminalHasThem() {
        assertThat(Sparkline.of(FALLING, 8, StandardCharsets.UTF_8)).isEqualTo("█▇▆▅▄▃▂▁");
    }

    @Test
    void showsAsciiWhereItHasNone() {
        assertThat(Sparkline.of(FALLING, 8, StandardCharsets.US_ASCII)).isEqualTo("#*+=:-._");
        assertThat(Sparkline.of(List.of(1.0, 1.0), 8, StandardCharsets.ISO_8859_1))
                .isEqualTo("__");
    }
}
