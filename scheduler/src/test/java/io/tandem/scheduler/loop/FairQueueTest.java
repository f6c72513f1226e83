package io.tandem.scheduler.loop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.InferenceRequest.Options;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FairQueueTest {
    private final FairQueue queue = new FairQueue(caller -> caller.equals("heavy") ? 3 : 1);
    private long nextId;

    private Sequence add(String caller) {
        return add(caller, 0);
    }

    private Sequence add(String caller, int priority) {
        InferenceRequest request = new InferenceRequest(
                nextId++,
                caller,
                new int[10],
                5,
                List.of(),
                SamplingParams.GREEDY,
                StopRule.NONE,
                new Options(-1, priority, Optional.empty()));
        Sequence sequence = new Sequence(request, new RecordingSink(), 100, 0);
        queue.add(sequence);
        return sequence;
    }

    private String admit() {
        Sequence sequence = queue.round().next().orElseThrow();
        queue.admitted(sequence, 10);
        return sequence.request().caller();
    }

    private List<String> admit(int count) {
        List<String> callers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            callers.add(admit());
        }
        return callers;
    }

    @Test
    void callersTakeTurnsHoweverManyRequestsOneOfThemSends() {
        for (int i = 0; i < 50; i++) {
            add("flood");
        }
        add("drop");
        add("drop");
        assertThat(admit(5)).containsExactlyInAnyOrder("flood", "drop", "flood", "drop", "flood");
        assertThat(queue.size()).isEqualTo(47);
    }

    @Test
    void callersAreServedInProportionToTheirWeights() {
        for (int i = 0; i < 80; i++) {
            add("heavy");
            add("light");
        }
        assertThat(admit(80).stream().filter("heavy"::equals).count()).isBetween(59L, 61L);
        queue.trained("heavy", 30);
        queue.trained("light", 10);
        assertThat(queue.served("heavy")).isCloseTo(queue.served("light"), within(15.0));
    }

    @Test
    void prioritiesOrderTheRequestsOfOneCallerOnly() {
        Sequence other = add("other");
        add("a", 0);
        Sequence last = add("a", 5);
        Sequence first = add("a", -1);
        Sequence second = add("a", -1);
        FairQueue.Round round = queue.round();
        assertThat(round.next()).contains(other);
        assertThat(round.next()).contains(first);
        assertThat(round.next()).contains(second);
        round.next();
        assertThat(round.next()).contains(last);
    }

    @Test
    void aCallersRequestsComeInTheirOrder() {
        Sequence first = add("a");
        Sequence second = add("a");
        FairQueue.Round round = queue.round();
        assertThat(round.next()).contains(first);
        assertThat(round.next()).contains(second);
        assertThat(round.next()).isEmpty();
    }

    @Test
    void tokensOfAnswersCountTwice() {
        Sequence sequence = add("a");
        queue.admitted(sequence, 10);
        queue.served(sequence);
        queue.served(sequence);
        assertThat(queue.served("a")).isEqualTo(14);
    }

    @Test
    void whoAskedForNothingSavedNothing() {
        for (int i = 0; i < 40; i++) {
            add("busy");
        }
        admit(20);
        for (int i = 0; i < 20; i++) {
            add("late");
        }
        assertThat(admit(10).stream().filter("late"::equals).count()).isBetween(4L, 6L);
    }

    @Test
    void trainingMakesItsCallerWaitButNotForAsLongAsItTrained() {
        queue.trained("trainer", 1000);
        double cost = queue.served("trainer");
        assertThat(cost).isEqualTo(1000 * FairQueue.TRAINED_TOKEN);
        queue.trained("trainer", 1e9);
        assertThat(queue.served("trainer")).isEqualTo(FairQueue.MAX_TRAINING_LEAD);
        add("other");
        add("trainer");
        assertThat(admit()).isEqualTo("other");
    }

    @Test
    void noStreamOfNewCallersKeepsAnOldOneOut() {
        add("first");
        admit();
        queue.trained("old", 1e9);
        add("new");
        add("newer");
        add("old");
        int passed = 0;
        while (!admit().equals("old")) {
            passed++;
            add("new-" + passed);
        }
        assertThat(passed).isEqualTo(FairQueue.MAX_PASSED);
    }

    @Test
    void namesWithoutEndAreForgottenBeforeAnyWhoWasServedMuch() {
        for (int i = 0; i < 30; i++) {
            add("much");
        }
        admit(30);
        for (int i = 0; i < 20_000; i++) {
            add("name-" + i);
            queue.removeIf(sequence -> true);
        }
        assertThat(queue.served("much")).isEqualTo(300);
        assertThat(queue.served("name-0")).isZero();
        assertThat(queue.size()).isZero();
    }
}
