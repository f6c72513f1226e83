package io.tandem.server.config;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EditDistanceTest {
    @ParameterizedTest
    @CsvSource({
        "kitten,sitting,8,3",
        "kitten,sitting,3,3",
        "kitten,sitting,2,2",
        "'',abc,8,3",
        "abc,abc,8,0",
        "ab,ba,8,2",
        "abcdef,zabcdef,2,1"
    })
    void countsEditsUpToALimit(String a, String b, int limit, int distance) {
        assertThat(EditDistance.between(a, b, limit)).isEqualTo(distance);
        assertThat(EditDistance.between(b, a, limit)).isEqualTo(distance);
    }

    @Test
    void doesNotCompareWhatIsFarApart() {
        assertThat(EditDistance.between("a".repeat(1000), "b".repeat(1000), 8)).isEqualTo(8);
        assertThat(EditDistance.between("a".repeat(1 << 24), "a", 8)).isEqualTo(8);
    }
}
