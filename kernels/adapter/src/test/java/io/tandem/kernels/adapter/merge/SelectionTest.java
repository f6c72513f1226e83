package io.tandem.kernels.adapter.merge;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

class SelectionTest {
    @Property(tries = 100)
    void theValueIsWhereSortingWouldPutIt(
            @ForAll @IntRange(min = 1, max = 20_000) int length,
            @ForAll @IntRange(min = 1, max = 30_000) int different,
            @ForAll @DoubleRange(min = 0, max = 0.99) double share,
            @ForAll long seed) {
        Random random = new Random(seed);
        double[] values = random.ints(length, 0, different).asDoubleStream().toArray();
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int index = (int) (share * length);
        assertThat(Selection.select(values, index)).isEqualTo(sorted[index]);
        Arrays.sort(values);
        assertThat(values).containsExactly(sorted);
    }
}
