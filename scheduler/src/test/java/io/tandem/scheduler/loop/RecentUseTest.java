package io.tandem.scheduler.loop;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.Sequence;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.scheduler.plan.IterationPlan.Chunk;
import io.tandem.scheduler.testing.RecordingSink;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class RecentUseTest {
    private static final long SECOND = 1_000_000_000;

    private final RecentUse use = new RecentUse(caller -> caller.startsWith("heavy") ? 10 : 1);

    private static Sequence sequence(String caller, long arrivalNanos) {
        InferenceRequest request =
                new InferenceRequest(0, caller, new int[5000], 5, List.of(), SamplingParams.GREEDY, StopRule.NONE);
        return new Sequence(request, new RecordingSink(), 10_000, arrivalNanos);
    }

    private void came(String caller, long arrivalNanos) {
        use.came(sequence(caller, arrivalNanos));
    }

    private void ran(String caller, int promptTokens) {
        use.run(List.of(new Chunk(sequence(caller, 0), promptTokens, false, new int[0])));
    }

    private Set<String> modest() {
        return use.modest().names();
    }

    @Test
    void whoComesToOthersWorkIsModestUntilItTakesAQuarter() {
        came("a", 0);
        ran("a", 1000);
        assertThat(modest()).isEmpty();
        came("b", 0);
        assertThat(modest()).containsExactly("b");
        ran("b", 300);
        assertThat(modest()).containsExactly("b");
        ran("b", 100);
        assertThat(modest()).isEmpty();
    }

    /** A job is work as well, and nobody who trains alone is modest. */
    @Test
    void trainingCounts() {
        came("b", 0);
        ran("b", 60);
        use.trained("a/user", 100);
        assertThat(modest()).containsExactly("b");
        use.trained("b", 100);
        assertThat(modest()).isEmpty();
    }

    /** An answer counts by its tokens, not by the iterations that these take. */
    @Test
    void answersCountByToken() {
        came("a", 0);
        ran("a", 1000);
        came("b", 0);
        Sequence answer = sequence("b", 0);
        answer.admit(0, 0, IterationInputs.BASE);
        answer.advance(answer.pending());
        answer.append(new Draw(1, Float.NaN, new int[0], new float[0]));
        for (int i = 0; i < 1000; i++) {
            use.run(List.of(new Chunk(answer, 1, true, new int[0])));
        }
        assertThat(modest()).containsExactly("b");
        for (int i = 0; i < 166; i++) {
            use.served(answer);
        }
        assertThat(modest()).containsExactly("b");
        use.served(answer);
        assertThat(modest()).isEmpty();
    }

    @Test
    void usersOfATenantAreNoTenants() {
        came("a/x", 0);
        ran("a/x", 1000);
        came("a/y", 0);
        assertThat(modest()).isEmpty();
    }

    @Test
    void weightsCount() {
        came("a", 0);
        ran("a", 1000);
        came("heavy", 0);
        ran("heavy", 3000);
        assertThat(modest()).containsExactly("heavy");
    }

    @Test
    void thePastIsForgotten() {
        came("a", 0);
        ran("a", 1000);
        came("b", 0);
        use.advance(9 * SECOND);
        assertThat(modest()).containsExactly("b");
        use.advance(11 * SECOND);
        assertThat(modest()).isEmpty();
        came("b", 11 * SECOND);
        ran("b", 200);
        // A third of 1,000 is left of the tokens eleven seconds ago.
        assertThat(modest()).isEmpty();
        ran("a", 1000);
        assertThat(modest()).containsExactly("b");
    }

    /** Else they could keep whoever does the most from everything. */
    @Property(tries = 200)
    void togetherModestTenantsHaveLessThanAQuarter(@ForAll long seed) {
        Random random = new Random(seed);
        RecentUse many = new RecentUse(caller -> 1);
        TreeMap<String, Integer> tokens = new TreeMap<>();
        for (int i = 1 + random.nextInt(20); i > 0; i--) {
            String tenant = "tenant" + random.nextInt(30);
            int count = 1 + (int) Math.pow(10, 3.5 * random.nextDouble());
            tokens.merge(tenant, count, Integer::sum);
            Sequence sequence = sequence(tenant, 0);
            many.came(sequence);
            many.run(List.of(new Chunk(sequence, count, false, new int[0])));
        }
        int all = tokens.values().stream().mapToInt(count -> count).sum();
        int together = many.modest().names().stream().mapToInt(tokens::get).sum();
        assertThat(4 * together).isLessThan(all);
    }
}
