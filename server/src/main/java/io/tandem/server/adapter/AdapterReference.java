package io.tandem.server.adapter;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a request names an adapter: {@code NAME}, or {@code NAME@HASH} for exactly that version; {@code :r4} behind it for its
 * first 4 ranks alone.
 *
 * @param hash the first digits of a version's hash, 12 or more
 * @param ranks how many of them; empty for all
 */
public record AdapterReference(String name, Optional<String> hash, OptionalInt ranks) {
    // No adapter can be called so (SafeName), so there is one way to read a reference.
    private static final Pattern VERSION = Pattern.compile("(.+)@([0-9a-f]{12,64})");

    private static final Pattern RANKS = Pattern.compile("(.+):r([1-9][0-9]{0,3})");

    private static final Pattern PLUS = Pattern.compile("\\+");

    /** @param isName whether something is called so; an adapter may be called as if it were a part of another */
    static AdapterReference parse(String reference, Predicate<String> isName) {
        Matcher ranks = RANKS.matcher(reference);
        return isName.test(reference) || !ranks.matches()
                ? whole(reference, OptionalInt.empty())
                : whole(ranks.group(1), OptionalInt.of(Integer.parseInt(ranks.group(2))));
    }

    private static AdapterReference whole(String reference, OptionalInt ranks) {
        Matcher version = VERSION.matcher(reference);
        return version.matches()
                ? new AdapterReference(version.group(1), Optional.of(version.group(2)), ranks)
                : new AdapterReference(reference, Optional.empty(), ranks);
    }

    /** The references to adapters that answer together, as {@code model} joins them. */
    public static List<String> split(String model) {
        return List.of(PLUS.split(model, -1));
    }
}
