package io.tandem.scheduler.loop;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Whose pack is next, by weighted fair queueing over tokens: a virtual counter per member advances by the tokens of its
 * packs over its weight, and the lowest one is next. So the counters of members that stay never differ by more than one
 * pack over the smallest weight, whatever the packs' sizes, and nobody starves. Who comes starts at the lowest counter:
 * with the past neither a debt nor a credit.
 */
final class PackShares<K> {
    private final Map<K, Share> shares = new LinkedHashMap<>();

    private record Share(double weight, double counter) {}

    void add(K member, double weight) {
        double lowest =
                shares.values().stream().mapToDouble(Share::counter).min().orElse(0);
        shares.put(member, new Share(weight, lowest));
    }

    void remove(K member) {
        shares.remove(member);
    }

    /** The member with the lowest counter; of several the one that came first. */
    Optional<K> next() {
        return shares.entrySet().stream()
                .min(Comparator.comparingDouble(entry -> entry.getValue().counter()))
                .map(Map.Entry::getKey);
    }

    void charge(K member, int tokens) {
        Share share = share(member);
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
