package io.tandem.scheduler.kv;

import io.tandem.scheduler.adapter.ContentHash;
import java.util.Collection;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What keys and values depend on beside the tokens.
 *
 * @param from for each adapter, and whatever else keeps sequences apart, the first token that it acts on; nothing for the
 *     base model
 */
public record CacheKey(Map<ContentHash, Integer> from) {
    public static final CacheKey BASE = new CacheKey(Map.of());

    public CacheKey {
        from = Map.copyOf(from);
    }

    /** Of what acts on all tokens. */
    public static CacheKey of(Collection<ContentHash> whole) {
        return new CacheKey(whole.stream().collect(Collectors.toMap(hash -> hash, hash -> 0)));
    }

    /** How many of their first tokens have the same keys and values under both, where the tokens are the same. */
    public int shared(CacheKey other) {
        return equals(other) ? Integer.MAX_VALUE : Math.min(firstOwn(other), other.firstOwn(this));
    }

    /** The first token on which something acts that does not act on it, or not from there on, in the other. */
    private int firstOwn(CacheKey other) {
        return from.entrySet().stream()
                .filter(own -> !own.getValue().equals(other.from.get(own.getKey())))
                .mapToInt(Map.Entry::getValue)
                .min()
                .orElse(Integer.MAX_VALUE);
    }
}
