package io.tandem.scheduler.loop;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.statistics.Statistics;

/** The queue names requests in the order that its rules give when every caller is looked at every time. */
class FairQueuePropertyTest {
    private static final int CALLERS = 12;
    private static final int REQUESTS = 80;

    private FairQueue queue = new FairQueue(caller -> 1);
    private final Map<String, Caller> callers = new TreeMap<>();
    private long nextId;
    private boolean overdue;

    /** What the rules know of a caller. */
    private static final class Caller {
        final List<Sequence> waiting = new ArrayList<>();
        double served;
        int passed;

        int overdue() {
            return passed < FairQueue.MAX_PASSED ? 0 : passed;
        }
    }

    private static final Comparator<Caller> RULES =
            Comparator.comparingInt((Caller caller) -> -caller.overdue()).thenComparingDouble(caller -> caller.served);

    private Caller caller(Sequence sequence) {
        return callers.computeIfAbsent(sequence.request().caller(), name -> new Caller());
    }

    private void add(String name) {
        InferenceRequest request =
                new InferenceRequest(nextId++, name, new int[10], 5, List.of(), SamplingParams.GREEDY, StopRule.NONE);
        Sequence sequence = new Sequence(request, new RecordingSink(), 100, 0);
        queue.add(sequence);
        caller(sequence).waiting.add(sequence);
    }

    private void admit(Sequence sequence, int tokens) {
        queue.admitted(sequence, tokens);
        Caller admitted = caller(sequence);
        admitted.waiting.remove(sequence);
        admitted.passed = 0;
        callers.values().stream()
                .filter(other -> other != admitted && !other.waiting.isEmpty())
                .forEach(other -> other.passed++);
        admitted.served += tokens * FairQueue.PROMPT_TOKEN;
    }

    private void serve(String name) {
        InferenceRequest request =
                new InferenceRequest(nextId++, name, new int[10], 5, List.of(), SamplingParams.GREEDY, StopRule.NONE);
        Sequence running = new Sequence(request, new RecordingSink(), 100, 0);
        queue.served(running);
        caller(running).served += FairQueue.ANSWER_TOKEN;
    }

    private void playRound(Random random) {
        FairQueue.Round round = queue.round();
        Map<Caller, List<Sequence>> left = new IdentityHashMap<>();
        callers.values().forEach(caller -> left.put(caller, new ArrayList<>(caller.waiting)));
        Set<Sequence> named = new LinkedHashSet<>();
        while (true) {
            left.values().removeIf(List::isEmpty);
            Optional<Sequence> next = round.next();
            assertThat(next.isPresent()).isEqualTo(!left.isEmpty());
            if (next.isEmpty()) {
                return;
            }
            Sequence sequence = next.get();
            assertThat(named.add(sequence)).isTrue();
            Caller chosen = caller(sequence);
            assertThat(left.get(chosen).remove(0)).isSameAs(sequence);
            overdue |= chosen.overdue() > 0;
            left.keySet()
                    .forEach(other -> assertThat(RULES.compare(chosen, other)).isNotPositive());
            if (random.nextInt(2) == 0) {
                admit(sequence, 1 + random.nextInt(50));
            }
            if (random.nextInt(20) == 0) {
                return;
            }
        }
    }

    @Property(tries = 50)
    void everyRoundNamesThemInTheOrderOfTheRules(@ForAll long seed) {
        Random random = new Random(seed);
        queue = new FairQueue(caller -> 1);
        callers.clear();
        for (int i = 0; i < CALLERS * REQUESTS; i++) {
            add("caller-" + i % CALLERS);
        }
        // Some so much that they come only when too many have passed them.
        for (int i = 0; i < CALLERS; i++) {
            for (int token = random.nextInt(1 << i + 1); token >= 0; token--) {
                serve("caller-" + i);
            }
        }
        for (int step = 0; step < 300; step++) {
            String name = "caller-" + random.nextInt(CALLERS);
            switch (random.nextInt(4)) {
                // A caller that waits already, so that its counter is not lifted.
                case 0, 1 ->
                    callers.entrySet().stream()
                            .filter(entry -> entry.getKey().equals(name)
                                    && !entry.getValue().waiting.isEmpty())
                            .findFirst()
                            .ifPresent(entry -> add(name));
                case 2 -> serve(name);
                default -> playRound(random);
            }
        }
        Statistics.collect(overdue);
    }
}
