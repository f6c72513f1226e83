package io.tandem.server.adapter;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a request names an adapter: {@code NAME}, or {@code NAME@HASH} for exactly that version.
 *
 * @param hash the first digits of a version's hash, 12 or more
 */
public record AdapterReference(String name, Optional<String> hash) {
    // No adapter can be called so (SafeName), so there is one way to read a reference.
    private static final Pattern VERSION = Pattern.compile("(.+)@([0-9a-f]{12,64})");

    private static final Pattern PLUS = Pattern.compile("\\+");

    static AdapterReference parse(String reference) {
        Matcher version = VERSION.matcher(reference);
        return version.matches()
                ? new AdapterReference(version.group(1), Optional.of(version.group(2)))
                : new AdapterReference(reference, Optional.empty());
    }

    /** The references to adapters that answer together, as {@code model} joins them. */
    public static List<String> split(String model) {
        return List.of(PLUS.split(model, -1));
    }
}
