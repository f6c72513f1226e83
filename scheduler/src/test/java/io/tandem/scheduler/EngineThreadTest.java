package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.scheduler.testing.FakeDevice;
import io.tandem.scheduler.testing.RecordingJobSink;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The engine on its own thread. */
@Timeout(120)
class EngineThreadTest {
    private final Scenario scenario = new Scenario(FakeDevice.limits(4, 96, 2), Scenario.CONFIG);

    private static final class WaitingSink implements TokenSink {
        final CompletableFuture<Finish> end = new CompletableFuture<>();
        final boolean broken;

        WaitingSink(boolean broken) {
            this.broken = broken;
        }

        @Override
        public void promptToken(Draw draw) {}

        @Override
        public void token(Draw draw) {
            if (broken) {
                throw new IllegalStateException("a receiver's mistake");
            }
        }

        @Override
        public void state(float[] state) {}

        @Override
        public void finish(Finish finish) {
            end.complete(finish);
        }
    }

    @Test
    void servesUntilItIsShutDown() throws Exception {
        Thread thread = new Thread(scenario.engine, "engine");
        thread.start();
        for (int i = 0; i < 20; i++) {
            WaitingSink sink = new WaitingSink(false);
            scenario.engine.submit(Scenario.request(i, new int[] {1, 2}, 5), sink);
            assertThat(sink.end.get().reason()).isEqualTo(FinishReason.LENGTH);
        }
        assertThat(scenario.engine.healthy()).isTrue();
        scenario.engine.shutDown();
        thread.join();
        assertThat(scenario.engine.healthy()).isFalse();
    }

    @Test
    void whatIsLeftAtShutdownEndsToo() throws Exception {
        WaitingSink sink = new WaitingSink(false);
        RecordingJobSink job = new RecordingJobSink();
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 5), sink);
        scenario.engine.submit(Scenario.job("job", new Random(1), 3, 1), job);
        scenario.engine.shutDown();
        scenario.engine.run();
        assertThat(sink.end.get().reason()).isEqualTo(FinishReason.SHUT_DOWN);
        assertThat(job.ended()).isTrue();
    }

    @Test
    void aReceiverThatFailsLosesItsRequestOnly() throws Exception {
        Thread thread = new Thread(scenario.engine, "engine");
        thread.start();
        WaitingSink broken = new WaitingSink(true);
        WaitingSink good = new WaitingSink(false);
        scenario.engine.submit(Scenario.request(1, new int[] {1, 2}, 50), broken);
        scenario.engine.submit(Scenario.request(2, new int[] {1, 2}, 50), good);
        assertThat(broken.end.get().reason()).isEqualTo(FinishReason.CANCELLED);
        assertThat(good.end.get().reason()).isEqualTo(FinishReason.LENGTH);
        scenario.engine.shutDown();
        thread.join();
    }
}
