package io.tandem.scheduler.loop;

import io.tandem.scheduler.inference.Sequence;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Waiting requests, in the order in which they should be admitted: first come, first served for the requests of one
 * caller, and the caller that has been served least before the others (VTC, Sheng et al., OSDI 2024). Each caller has a
 * counter of the tokens that it was served, weighted by what they cost. As long as two callers have requests waiting,
 * their counters stay as close as the tokens that can be running at once, whatever either of them sends.
 *
 * <p>A caller that comes back does not bring a credit for the time in which it asked for nothing: its counter is lifted
 * to the least of those who wait. So somebody with a large counter could wait for as long as new callers keep coming;
 * therefore the oldest request of a caller is passed by a bounded number of others only. And what a caller's fine-tuning
 * adds to its counter is bounded, because training takes what nobody else wanted: it makes the caller wait for a while,
 * not for as long as the job has trained.
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

    private static final Comparator<Account> ORDER = Comparator.comparingInt((Account account) -> -account.overdue())
            .thenComparingDouble(account -> account.served);

    private final Map<String, Account> accounts = new HashMap<>();
    private double leastServed;
    private int size;

    private static final class Account {
        final LinkedHashSet<Sequence> waiting = new LinkedHashSet<>();
        double served;
        int passed;

        /** How long its oldest request has waited, if too long; else 0. */
        int overdue() {
            return passed < MAX_PASSED ? 0 : passed;
        }
    }

    void add(Sequence sequence) {
        Account account = account(sequence);
        if (account.waiting.isEmpty()) {
            account.served = Math.max(account.served, level());
        }
        account.waiting.add(sequence);
        size++;
    }

    int size() {
        return size;
    }

    /** A look at those who wait now, each once at most. */
    Round round() {
        return new Round();
    }

    final class Round {
        private final Map<Account, Iterator<Sequence>> left = new LinkedHashMap<>();

        private Round() {
            active().forEach(account ->
                    left.put(account, List.copyOf(account.waiting).iterator()));
        }

        /** The request that should be admitted next, among those that this has not named yet. */
        Optional<Sequence> next() {
            left.values().removeIf(sequences -> !sequences.hasNext());
            return left.entrySet().stream()
                    .min(Map.Entry.comparingByKey(ORDER))
                    .map(next -> next.getValue().next());
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
        account.passed = 0;
        active().filter(other -> other != account).forEach(other -> other.passed++);
        account.served += promptTokens * PROMPT_TOKEN;
    }

    /** A running request got a token. */
    void served(Sequence sequence) {
        account(sequence).served += ANSWER_TOKEN;
    }

    /** A caller's job trained. */
    void trained(String caller, double tokens) {
        Account account = accounts.computeIfAbsent(caller, key -> new Account());
        double most = Math.max(account.served, level() + MAX_TRAINING_LEAD);
        account.served = Math.min(most, account.served + tokens * TRAINED_TOKEN);
    }

    /** Weighted tokens that a caller was served. */
    double served(String caller) {
        return Optional.ofNullable(accounts.get(caller))
                .map(account -> account.served)
                .orElse(0.0);
    }

    Stream<Sequence> waiting() {
        return active().flatMap(account -> account.waiting.stream());
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
    }

    /** The counter of the least-served caller that waits, or of the last that did. */
    private double level() {
        return active().mapToDouble(account -> account.served).min().orElse(leastServed);
    }

    private Stream<Account> active() {
        return accounts.values().stream().filter(account -> !account.waiting.isEmpty());
    }

    private Account account(Sequence sequence) {
        if (accounts.size() > MAX_REMEMBERED_CALLERS) {
            forget();
        }
        return accounts.computeIfAbsent(sequence.request().caller(), key -> new Account());
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
