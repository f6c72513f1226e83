package io.tandem.server.finetune.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.model.TargetModule;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class FirstWeightsTest {
    private static final Site SITE = new Site(0, TargetModule.Q_PROJ);

    private final AtomicLong clock = new AtomicLong();
    private final AtomicInteger opened = new AtomicInteger();
    private final List<String> said = new ArrayList<>();
    private final FirstWeights weights = new FirstWeights(
            () -> {
                opened.incrementAndGet();
                return module -> new float[] {Integer.parseInt(module.split("\\.")[2])};
            },
            3,
            clock::get,
            said::add);

    @Test
    void saysHowFarItIsOnlyIfItTakesLong() {
        assertThat(opened).hasValue(0);
        assertThat(weights.of(SITE)).containsExactly(0);
        clock.addAndGet(FirstWeights.QUIET_NANOS);
        weights.of(SITE);
        assertThat(said).isEmpty();
        clock.addAndGet(1);
        weights.of(SITE);
        assertThat(said).containsExactly("2 of 3 modules have their first weights.");
        assertThat(opened).hasValue(1);
    }

    @Test
    void aJobThatIsCancelledReadsNoFurther() {
        Thread.currentThread().interrupt();
        try {
            assertThatThrownBy(() -> weights.of(SITE)).isInstanceOf(CancellationException.class);
            assertThat(opened).hasValue(0);
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
    }
}
