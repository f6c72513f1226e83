package io.tandem.scheduler.loop;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Whose pack is next, by weighted fair queueing over tokens: a virtual counter per member advances by the tokens of its
 * packs over its weight, and the lowest one is next. So the counters of members that stay never differ by more than one
 * pack over the smallest weight, whatever the packs' sizes, and nobody starves. Who comes starts at the lowest counter:
 * with the past neither a debt nor a credit. Who is passed over, because it has no pack when its turn comes, goes on from
 * there likewise.
 */
final class PackShares<K> {
    private final Map<K, Share> shares = new LinkedHashMap<>();

    private final Predicate<K> ready;

    private record Share(double weight, double counter) {
        Share from(double least) {
            return new Share(weight, Math.max(least, counter));
        }
    }

    /** @param ready whether a member has a pack */
    PackShares(Predicate<K> ready) {
        this.ready = ready;
    }

    void add(K member, double weight) {
        double lowest =
                shares.values().stream().mapToDouble(Share::counter).min().orElse(0);
        shares.put(member, new Share(weight, lowest));
    }

    void remove(K member) {
        shares.remove(member);
    }

    /** Of the members that are ready the one with the lowest counter; of several the one that came first. */
    Optional<K> next() {
        return shares.entrySet().stream()
                .filter(entry -> ready.test(entry.getKey()))
                .min(Comparator.comparingDouble(entry -> entry.getValue().counter()))
                .map(Map.Entry::getKey);
    }

    void charge(K member, int tokens) {
        Share share = share(member);
        shares.replaceAll((other, own) -> ready.test(other) ? own : own.from(share.counter()));
        shares.replace(member, new Share(share.weight(), share.counter() + tokens / share.weight()));
    }

    /** Tokens over weight. */
    double counter(K member) {
        return share(member).counter();
    }

    private Share share(K member) {
        return Objects.requireNonNull(shares.get(member));
    }
}
