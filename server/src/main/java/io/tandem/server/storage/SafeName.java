package io.tandem.server.storage;

import java.util.regex.Pattern;

/** Names that clients choose, as names of directories. */
public final class SafeName {
    private static final int MAX_CHARS = 128;
    /** Without '+', which joins names. */
    private static final Pattern ALLOWED = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._:@/-]*");
    /** Would read as a name with the hash of a version. */
    private static final Pattern VERSION = Pattern.compile(".*@[0-9a-f]{12,}");

    private SafeName() {}

    /** Whether clients may call an adapter so. */
    public static boolean allowed(String name) {
        return name.length() <= MAX_CHARS
                && ALLOWED.matcher(name).matches()
                && !VERSION.matcher(name).matches()
                && !name.contains("..")
                && !name.contains("//");
    }

    /** The directory of an allowed name: the characters that file systems give a meaning are escaped. */
    static String encode(String name) {
        if (!allowed(name)) {
            throw new IllegalArgumentException("'" + name + "' is not a possible name");
        }
        return name.replace(":", "%3A").replace("/", "%2F");
    }

    static String decode(String directory) {
        return directory.replace("%3A", ":").replace("%2F", "/");
    }
}
