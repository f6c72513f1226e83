package io.tandem.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.Rejection.Reason;
import io.tandem.scheduler.TokenSource.Submission;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.scheduler.testing.FakeDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** However much others ask for, a caller that asks for little gets a place. */
class AdmissionFairnessTest {
    private static final int CONTEXT = 64;
    private static final int KV_SLOTS = 3;
    private static final int QUEUED = 21;
    private static final int PLACES = KV_SLOTS + QUEUED;

    private final Scenario scenario =
            new Scenario(FakeDevice.limits(KV_SLOTS, CONTEXT, 1), Scenario.config(20, 64, 0, QUEUED, 10, 128));
    private final Map<String, List<Client>> open = new TreeMap<>();
    private long nextId;

    /** A client request with several answers, as its client sees it. */
    private static final class Client {
        final String caller;
        final List<Long> ids = new ArrayList<>();
        int unended;
        boolean begun;
        boolean displaced;

        Client(String caller) {
            this.caller = caller;
        }
    }

    private int held(String caller) {
        return open.getOrDefault(caller, List.of()).stream()
                .filter(client -> !client.displaced)
                .mapToInt(client -> client.unended)
                .sum();
    }

    private Optional<Rejection> submit(String caller, int answers, int tokens) {
        Client client = new Client(caller);
        List<Submission> submissions = new ArrayList<>();
        for (int i = 0; i < answers; i++) {
            client.ids.add(nextId);
            int[] prompt = {(int) (nextId % 1000), 2 + (int) (nextId / 1000), 3};
            InferenceRequest request = new InferenceRequest(
                    nextId++, caller, prompt, tokens, List.of(), SamplingParams.GREEDY, StopRule.NONE);
            submissions.add(new Submission(request, sink(client)));
        }
        Optional<Rejection> refused = scenario.engine.submit(submissions);
        if (refused.isEmpty()) {
            client.unended = answers;
            open.computeIfAbsent(caller, first -> new ArrayList<>()).add(client);
        }
        return refused;
    }

    private TokenSink sink(Client client) {
        return new TokenSink() {
            @Override
            public void promptToken(Draw draw) {}

            @Override
            public void token(Draw draw) {
                assertThat(client.displaced).isFalse();
                client.begun = true;
            }

            @Override
            public void state(float[] state) {}

            @Override
            public void finish(Finish finish) {
                if (finish.reason() == FinishReason.DISPLACED) {
                    assertThat(client.begun)
                            .as("a request with tokens is displaced")
                            .isFalse();
                    client.displaced = true;
                }
                client.unended--;
                if (client.unended == 0) {
                    open.get(client.caller).remove(client);
                }
            }
        };
    }

    /** Hogs that fill the queue between all iterations; a modest caller never holds more than its share of the places. */
    @Property(tries = 15)
    void whoHoldsLessThanItsShareIsNeitherRefusedNorDisplaced(@ForAll long seed) {
        Random random = new Random(seed);
        int hogs = 1 + random.nextInt(4);
        int share = PLACES / (hogs + 1);
        int largest = 1 + random.nextInt(4);
        int asked = 0;
        for (int iteration = 0; iteration < 150; iteration++) {
            for (int hog = 0; hog < hogs; hog++) {
                for (int i = 0; i < PLACES / 2; i++) {
                    submit("hog-" + hog, 1 + random.nextInt(largest), 1 + random.nextInt(20));
                }
            }
            if (random.nextInt(3) == 0 && held("modest") + largest < share - largest) {
                assertThat(submit("modest", 1 + random.nextInt(largest), 1 + random.nextInt(20)))
                        .isEmpty();
                asked++;
            }
            assertThat(scenario.engine.openRequests()).isLessThanOrEqualTo(PLACES);
            scenario.engine.iterate();
            scenario.engine.checkIntegrity();
            assertThat(open.getOrDefault("modest", List.of())).noneMatch(client -> client.displaced);
        }
        // How often it has room depends on how soon its own answers end, with few places as seldom as four times.
        assertThat(asked).isGreaterThan(share > 2 * largest ? 2 : -1);
        scenario.runDry();
        assertThat(scenario.engine.openRequests()).isZero();
        assertThat(open.values()).allMatch(List::isEmpty);
    }

    /** Whoever is refused sees that all who hold more than it would have begun all their requests. */
    @Property(tries = 15)
    void nobodyIsRefusedWhileAnotherCouldGiveUpMore(@ForAll long seed) {
        Random random = new Random(seed);
        int refusals = 0;
        for (int iteration = 0; iteration < 60; iteration++) {
            for (int i = random.nextInt(12); i > 0; i--) {
                // Displaced requests end in the next iteration, so before each look all accounts are settled.
                scenario.engine.iterate();
                String caller = "caller-" + random.nextInt(6);
                int would = held(caller) + 1;
                if (submit(caller, 1, 10 + random.nextInt(40)).isPresent()) {
                    refusals++;
                    assertThat(open.keySet())
                            .filteredOn(other -> held(other) > would)
                            .allSatisfy(other -> assertThat(open.get(other)).allMatch(client -> client.begun));
                }
            }
        }
        assertThat(refusals).isPositive();
        scenario.runDry();
        assertThat(open.values()).allMatch(List::isEmpty);
    }

    @Test
    void theNewestRequestOfWhoHoldsMostMakesWay() {
        IntStream.range(0, 3).forEach(i -> assertThat(submit("a", 5, 5)).isEmpty());
        IntStream.range(0, 3).forEach(i -> assertThat(submit("b", 3, 5)).isEmpty());
        List<Client> a = List.copyOf(open.get("a"));
        List<Client> b = List.copyOf(open.get("b"));
        assertThat(submit("c", 1, 5)).isEmpty();
        scenario.engine.iterate();
        assertThat(b).allMatch(client -> !client.displaced);
        assertThat(a).extracting(client -> client.displaced).containsExactly(false, false, true);
    }

    @Test
    void aRequestThatTakesSeveralPlacesTakesThemAllOrNone() {
        IntStream.range(0, 8).forEach(i -> assertThat(submit("a", 3, 5)).isEmpty());
        assertThat(submit("b", 12, 5)).isEmpty();
        assertThat(held("b")).isEqualTo(12);
        scenario.engine.iterate();
        assertThat(held("a")).isEqualTo(12);
        assertThat(submit("c", 12, 5).orElseThrow().reason()).isEqualTo(Reason.QUEUE_FULL);
        // b's request has begun, and of a's four only one can go before a holds less than c would.
        assertThat(submit("c", 11, 5).orElseThrow().reason()).isEqualTo(Reason.QUEUE_FULL);
        assertThat(submit("c", 3, 5)).isEmpty();
        scenario.engine.iterate();
        assertThat(held("a")).isEqualTo(9);
        assertThat(held("b")).isEqualTo(12);
        assertThat(submit("d", PLACES + 1, 5).orElseThrow().reason()).isEqualTo(Reason.TOO_MANY_ANSWERS);
        scenario.runDry();
        assertThat(open.values()).allMatch(List::isEmpty);
    }

    /** Its place was promised to somebody else while the device was at its first token. */
    @Test
    void aRequestThatIsDisplacedDuringItsFirstIterationGetsNoToken() {
        Scenario one = new Scenario(
                new FakeDevice(Scenario.CONFIG.deviceLimits(FakeDevice.limits(1, CONTEXT, 1)), inputs -> {
                    duringIteration.run();
                    return 1;
                }),
                Scenario.config(20, 64, 0, 1, 10, 128));
        Client loser = new Client("a");
        loser.unended = 2;
        open.put("a", new ArrayList<>(List.of(loser)));
        List<Submission> both = List.of(
                new Submission(Scenario.request(1, new int[] {1}, 1), sink(loser)),
                new Submission(Scenario.request(2, new int[] {1}, 1), sink(loser)));
        assertThat(one.engine.submit(both)).isEmpty();
        Client winner = new Client("b");
        winner.unended = 1;
        open.put("b", new ArrayList<>(List.of(winner)));
        duringIteration = () -> {
            duringIteration = () -> {};
            InferenceRequest request =
                    new InferenceRequest(3, "b", new int[] {1}, 3, List.of(), SamplingParams.GREEDY, StopRule.NONE);
            assertThat(one.engine.submit(request, sink(winner))).isEmpty();
        };
        one.runDry();
        assertThat(loser.displaced).isTrue();
        assertThat(loser.unended).isZero();
        assertThat(winner.begun).isTrue();
        assertThat(one.engine.openRequests()).isZero();
    }

    private Runnable duringIteration = () -> {};
}
