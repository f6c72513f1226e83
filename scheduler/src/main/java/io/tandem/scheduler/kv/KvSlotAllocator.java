package io.tandem.scheduler.kv;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Who holds which KV slot, and how many tokens all of them hold together. A slot that is given back remembers the
 * tokens in it, so that a later prompt that begins with them, with the same adapter versions so far, need not run
 * them again; what is remembered makes way for what is needed, the longest unused first.
 */
public final class KvSlotAllocator {
    /** Tokens are counted in pages, so that growing by one rarely changes the count. */
    private static final int PAGE_TOKENS = 16;

    private final Slot[] slots;
    private final int budgetPages;
    private long uses;

    /** @param budgetTokens that all slots may hold together; a multiple of 16 counts best */
    public KvSlotAllocator(int slots, int budgetTokens) {
        this.slots = new Slot[slots];
        for (int i = 0; i < slots; i++) {
            this.slots[i] = new Slot(i);
        }
        this.budgetPages = pages(budgetTokens);
    }

    /**
     * A leased slot.
     *
     * @param cachedTokens how many of the tokens are in it already; never all of them
     */
    public record Lease(int slot, int cachedTokens) {}

    private static final class Slot {
        final int index;
        boolean leased;
        int pages;
        int[] remembered = {};
        CacheKey key = CacheKey.BASE;
        long lastUse;

        Slot(int index) {
            this.index = index;
        }
    }

    private static int pages(int tokens) {
        return (tokens + PAGE_TOKENS - 1) / PAGE_TOKENS;
    }

    /** Whether there is a slot with room for so many tokens. */
    public boolean fits(int tokens) {
        return free().findAny().isPresent() && leasedPages() + pages(tokens) <= budgetPages;
    }

    /**
     * Leases a slot with room for these tokens: the one with most of their beginning and nothing else; or an empty one; or
     * one whose beginning they can use, if that is more than what is lost of it; or the longest unused. What other slots
     * have of the beginning can be copied, so nothing is erased for it while there is room: all prompts begin alike.
     *
     * @param key of the tokens; what others made is used as far as it is the same
     * @return empty unless they {@link #fits fit}
     */
    public Optional<Lease> lease(int[] tokens, CacheKey key) {
        if (!fits(tokens.length)) {
            return Optional.empty();
        }
        Slot chosen = free().max(Comparator.comparingInt((Slot slot) -> continued(slot, tokens, key))
                        .thenComparing(slot -> slot.remembered.length == 0)
                        .thenComparingInt(slot -> Math.max(0, gain(slot, tokens, key)))
                        .thenComparing(slot -> -slot.lastUse)
                        .thenComparing(slot -> -slot.index))
                .orElseThrow();
        int cached = Math.min(commonPrefix(chosen, tokens, key), tokens.length - 1);
        chosen.leased = true;
        chosen.pages = pages(tokens.length);
        chosen.remembered = new int[0];
        chosen.lastUse = ++uses;
        evictDownTo(budgetPages);
        return Optional.of(new Lease(chosen.index, cached));
    }

    /** Tokens at the beginning of a slot that nobody has leased. */
    public record Prefix(int slot, int tokens) {
        public static final Prefix NONE = new Prefix(-1, 0);
    }

    /** The longest beginning of these tokens that a slot without a holder has. */
    public Prefix longestPrefix(int[] tokens, CacheKey key) {
        return free().map(slot -> new Prefix(slot.index, commonPrefix(slot, tokens, key)))
                .max(Comparator.comparingInt(Prefix::tokens))
                .orElse(Prefix.NONE);
    }

    /** Makes room for this many tokens in a leased slot; false if running sequences use up the budget. */
    public boolean grow(int slot, int tokens) {
        Slot grown = leased(slot);
        int more = pages(tokens) - grown.pages;
        if (more <= 0) {
            return true;
        }
        if (leasedPages() + more > budgetPages) {
            return false;
        }
        grown.pages += more;
        evictDownTo(budgetPages);
        return true;
    }

    /** Gives a slot back that holds the keys and values of exactly these tokens. */
    public void release(int slot, int[] tokens, CacheKey key) {
        Slot released = leased(slot);
        released.leased = false;
        released.remembered = tokens.clone();
        released.pages = pages(tokens.length);
        released.key = key;
        released.lastUse = ++uses;
    }

    /** Gives a slot back whose content is of no use. */
    public void discard(int slot) {
        release(slot, new int[0], CacheKey.BASE);
    }

    /** Tokens that running sequences have room for, in whole pages. */
    public int leasedTokens() {
        return leasedPages() * PAGE_TOKENS;
    }

    public int freeSlots() {
        return (int) free().count();
    }

    /** @throws IllegalStateException if the accounts contradict each other */
    public void checkIntegrity() {
        int total = Arrays.stream(slots).mapToInt(slot -> slot.pages).sum();
        if (total > budgetPages) {
            throw new IllegalStateException("the KV cache holds " + total + " pages of " + budgetPages);
        }
        for (Slot slot : slots) {
            if (slot.leased ? slot.remembered.length > 0 : slot.pages != pages(slot.remembered.length)) {
                throw new IllegalStateException("KV slot " + slot.index + " has the wrong account");
            }
        }
    }

    private void evictDownTo(int pages) {
        while (Arrays.stream(slots).mapToInt(slot -> slot.pages).sum() > pages) {
            Slot oldest = free().filter(slot -> slot.pages > 0)
                    .min(Comparator.comparingLong(slot -> slot.lastUse))
                    .orElseThrow(() -> new IllegalStateException("running sequences exceed the KV budget"));
            oldest.remembered = new int[0];
            oldest.pages = 0;
        }
    }

    private Stream<Slot> free() {
        return Arrays.stream(slots).filter(slot -> !slot.leased);
    }

    private int leasedPages() {
        return Arrays.stream(slots)
                .filter(slot -> slot.leased)
                .mapToInt(slot -> slot.pages)
                .sum();
    }

    private Slot leased(int slot) {
        if (!slots[slot].leased) {
            throw new IllegalStateException("KV slot " + slot + " is not leased");
        }
        return slots[slot];
    }

    /** Tokens of a slot that can be used, if nothing of it is lost. */
    private static int continued(Slot slot, int[] tokens, CacheKey key) {
        int common = commonPrefix(slot, tokens, key);
        return common == slot.remembered.length ? common : 0;
    }

    /** Tokens of a slot that can be used, less those that are lost. */
    private static int gain(Slot slot, int[] tokens, CacheKey key) {
        return 2 * commonPrefix(slot, tokens, key) - slot.remembered.length;
    }

    private static int commonPrefix(Slot slot, int[] tokens, CacheKey key) {
        int mismatch = Arrays.mismatch(slot.remembered, tokens);
        return Math.min(mismatch < 0 ? tokens.length : mismatch, key.shared(slot.key));
    }
}
