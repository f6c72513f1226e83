package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.loop.RequestReport;
import io.tandem.scheduler.slo.Attainment;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingSink;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every request that ends is judged once, by both targets. */
class AttainmentTest {
    private static final int CONTEXT = 96;

    /** Every iteration takes 10 ms; the targets are 20 ms per token and 1000 ms to the first. */
    private final FakeDevice device =
            new FakeDevice(Scenario.CONFIG.deviceLimits(FakeDevice.limits(1, CONTEXT, 1)), inputs -> 10);

    private final Scenario scenario = new Scenario(device, Scenario.CONFIG);

    @ParameterizedTest
    @CsvSource({"1000,20,MET", "1001,20,TTFT_MISSED", "1000,21,TPOT_MISSED", "1001,21,BOTH_MISSED", "5,0,MET"})
    void bothTargetsHaveToHold(long ttftMillis, long tpotMillis, Attainment attainment) {
        assertThat(Attainment.of(new Targets(20, 1000), ttftMillis * 1_000_000, tpotMillis * 1_000_000))
                .isEqualTo(attainment);
    }

    private RequestReport only() {
        assertThat(scenario.ends).hasSize(1);
        return scenario.ends.get(0);
    }

    @Test
    void aRequestIsMeasuredFromItsArrivalToItsTokens() {
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5), new RecordingSink());
        device.sleepMillis(500);
        scenario.runDry();
        assertThat(only())
                .isEqualTo(new RequestReport(
                        "",
                        FinishReason.LENGTH,
                        Attainment.MET,
                        2,
                        0,
                        5,
                        500_000_000,
                        510_000_000,
                        10_000_000,
                        550_000_000));
    }

    @Test
    void aStallBetweenTokensMissesTheTargetPerToken() {
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5), new RecordingSink());
        scenario.engine.iterate();
        device.sleepMillis(100);
        scenario.runDry();
        assertThat(only().attainment()).isEqualTo(Attainment.TPOT_MISSED);
    }

    @ParameterizedTest
    @CsvSource({"0,UNDECIDED", "1500,TTFT_MISSED"})
    void whoLeavesWithoutATokenCountsOnlyIfItWasDue(double millis, Attainment attainment) {
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5), new RecordingSink());
        device.sleepMillis(millis);
        scenario.engine.cancel(1);
        scenario.runDry();
        assertThat(only().attainment()).isEqualTo(attainment);
    }

    @Test
    void whoLeavesInTheMiddleIsJudgedByWhatCame() {
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 50), new RecordingSink());
        for (int i = 0; i < 5; i++) {
            scenario.engine.iterate();
        }
        scenario.engine.cancel(1);
        scenario.runDry();
        assertThat(only().attainment()).isEqualTo(Attainment.MET);
        assertThat(only().tokens()).isEqualTo(5);
    }

    @Test
    void aFailureIsNoAnswer() {
        device.failNext(1);
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5), new RecordingSink());
        scenario.runDry();
        assertThat(only().attainment()).isEqualTo(Attainment.FAILED);
    }
}
