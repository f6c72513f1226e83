package io.tandem.scheduler.loop;

import io.tandem.scheduler.inference.Sequence;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Waiting requests, in the order in which they should be admitted: by priority, then first come, first served, for the
 * requests of one caller, and the caller that has been served least before the others (VTC, Sheng et al., OSDI 2024).
 * Each caller has a counter of the tokens that it was served, weighted by what they cost, over the caller's own weight. As long as two callers have
 * requests waiting, their counters stay as close as the tokens that can be running at once, whatever either of them
 * sends.
 *
 * <p>A caller that comes back does not bring a credit for the time in which it asked for nothing: its counter is lifted
 * to the least of those who wait. So somebody with a large counter could wait for as long as new callers keep coming;
 * therefore the oldest request of a caller is passed by a bounded number of others only. And what a caller's fine-tuning
 * adds to its counter is bounded, because training takes what nobody else wanted: it makes the caller wait for a while,
 * not for as long as the job has trained.
 *
 * <p>Adding, admitting and charging take logarithmic time in the number of callers that wait.
 */
final class FairQueue {
    /** What a token of a prompt counts; many are computed at once. */
    static final double PROMPT_TOKEN = 1;
    /** What a token of an answer counts. */
    static final double ANSWER_TOKEN = 2;
    /** What a token of a training example counts, forward and backward together. */
    static final double TRAINED_TOKEN = 3;
    /** How far training lifts a caller's counter above the least-served one's. */
    static final double MAX_TRAINING_LEAD = 16_384;
    /** So many requests of others are admitted before a caller's oldest. */
    static final int MAX_PASSED = 256;

    private static final int MAX_REMEMBERED_CALLERS = 1024;

    private static final Comparator<Account> ORDER = Comparator.comparingLong((Account account) -> -account.overdue())
            .thenComparingDouble(account -> account.served)
            .thenComparingLong(account -> account.number);

    private static final Comparator<Sequence> WITHIN_CALLER = Comparator.comparingInt(
                    (Sequence sequence) -> sequence.request().options().priority())
            .thenComparingLong(sequence -> sequence.timeline().arrival())
            .thenComparingLong(sequence -> sequence.request().id());

    private final Map<String, Account> accounts = new HashMap<>();
    /** Those with requests that wait, the least served first. */
    private final NavigableSet<Account> active =
            new TreeSet<>(Comparator.comparingDouble((Account account) -> account.served)
                    .thenComparingLong(account -> account.number));

    private final ToDoubleFunction<String> weights;
    private double leastServed;
    private int size;
    private long admissions;
    private long nextNumber;
    /** Counts whatever may put the callers into another order. */
    private long changes;

    /** @param weights of callers: one of weight 2 is served twice as much before it counts as much */
    FairQueue(ToDoubleFunction<String> weights) {
        this.weights = weights;
    }

    private final class Account {
        final String caller;
        final long number = nextNumber++;
        final NavigableSet<Sequence> waiting = new TreeSet<>(WITHIN_CALLER);
        double served;
        /** Of others, before those that have passed its oldest request; while it waits. */
        private long admissionsBefore = admissions;

        Account(String caller) {
            this.caller = caller;
        }

        private long passed() {
            return admissions - admissionsBefore;
        }

        /** How many have passed its oldest request, if too many; else 0. */
        long overdue() {
            return passed() < MAX_PASSED ? 0 : passed();
        }
    }

    void add(Sequence sequence) {
        Account account = account(sequence);
        if (account.waiting.isEmpty()) {
            account.served = Math.max(account.served, level());
            account.admissionsBefore = admissions;
        }
        account.waiting.add(sequence);
        active.add(account);
        size++;
    }

    int size() {
        return size;
    }

    /** A look at those who wait now, each once at most. */
    Round round() {
        return new Round();
    }

    /** Naming a request takes logarithmic time, so that all who wait can be looked at in every iteration. */
    final class Round {
        private PriorityQueue<Turn> left = new PriorityQueue<>();
        private long orderedAt = changes;

        private Round() {
            active.forEach(account -> left.add(new Turn(account)));
        }

        /** The request that should be admitted next, among those that this has not named yet. */
        Optional<Sequence> next() {
            if (orderedAt != changes) {
                left = new PriorityQueue<>(List.copyOf(left));
                orderedAt = changes;
            }
            for (Turn turn = left.poll(); turn != null; turn = left.poll()) {
                if (turn.sequences().hasNext()) {
                    left.add(turn);
                    return Optional.of(turn.sequences().next());
                }
            }
            return Optional.empty();
        }
    }

    /** A caller whose requests a round has not all named. */
    private static final class Turn implements Comparable<Turn> {
        private final Account account;
        private @Nullable Iterator<Sequence> sequences;

        Turn(Account account) {
            this.account = account;
        }

        /** Those that waited when the first was named. */
        Iterator<Sequence> sequences() {
            if (sequences == null) {
                sequences = List.copyOf(account.waiting).iterator();
            }
            return sequences;
        }

        @Override
        public int compareTo(Turn other) {
            return ORDER.compare(account, other.account);
        }
    }

    /**
     * A request was admitted.
     *
     * @param promptTokens that have to run
     */
    void admitted(Sequence sequence, int promptTokens) {
        Account account = account(sequence);
        remove(account, sequence);
        admissions++;
        account.admissionsBefore = admissions;
        charge(account, promptTokens * PROMPT_TOKEN);
    }

    /** Tokens of an admitted prompt need not run after all. */
    void reused(Sequence sequence, int promptTokens) {
        if (promptTokens > 0) {
            charge(account(sequence), -promptTokens * PROMPT_TOKEN);
        }
    }

    private void charge(Account account, double tokens) {
        boolean waits = active.remove(account);
        account.served += tokens / weights.applyAsDouble(account.caller);
        if (waits) {
            active.add(account);
        }
        changes++;
    }

    /** A running request got a token. */
    void served(Sequence sequence) {
        charge(account(sequence), ANSWER_TOKEN);
    }

    /** A caller's job trained. */
    void trained(String caller, double tokens) {
        Account account = accounts.computeIfAbsent(caller, Account::new);
        double most = Math.max(account.served, level() + MAX_TRAINING_LEAD);
        double room = (most - account.served) * weights.applyAsDouble(caller);
        charge(account, Math.min(room, tokens * TRAINED_TOKEN));
    }

    /** Weighted tokens that a caller was served. */
    double served(String caller) {
        return Optional.ofNullable(accounts.get(caller))
                .map(account -> account.served)
                .orElse(0.0);
    }

    Stream<Sequence> waiting() {
        return active.stream().flatMap(account -> account.waiting.stream());
    }

    /** Takes out and returns those that meet the condition. */
    List<Sequence> removeIf(Predicate<Sequence> condition) {
        List<Sequence> removed = waiting().filter(condition).toList();
        removed.forEach(sequence -> remove(account(sequence), sequence));
        return removed;
    }

    private void remove(Account account, Sequence sequence) {
        leastServed = level();
        if (account.waiting.remove(sequence)) {
            size--;
        }
        if (account.waiting.isEmpty()) {
            active.remove(account);
        }
    }

    /** The counter of the least-served caller that waits, or of the last that did. */
    private double level() {
        return active.isEmpty() ? leastServed : active.first().served;
    }

    private Account account(Sequence sequence) {
        if (accounts.size() - active.size() > MAX_REMEMBERED_CALLERS) {
            forget();
        }
        return accounts.computeIfAbsent(sequence.request().caller(), Account::new);
    }

    /** Names cost nothing, so there may be any number of them; whoever was served least loses least. */
    private void forget() {
        List<Account> idle = accounts.values().stream()
                .filter(account -> account.waiting.isEmpty())
                .sorted(Comparator.comparingDouble(account -> account.served))
                .toList();
        accounts.values().removeAll(Set.copyOf(idle.subList(0, (idle.size() + 1) / 2)));
    }
}
