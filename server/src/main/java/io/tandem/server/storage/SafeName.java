package io.tandem.server.storage;

import java.util.regex.Pattern;

/** Names that clients choose, as names of directories. */
public final class SafeName {
    private static final int MAX_CHARS = 128;
    /** File systems take 255 bytes, and a number may come before the name. */
    private static final int MAX_ENCODED_CHARS = 240;
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
                && !name.contains("//")
                && escape(name).length() <= MAX_ENCODED_CHARS;
    }

    /** The directory of an allowed name: the characters that file systems give a meaning are escaped. */
    static String encode(String name) {
        if (!allowed(name)) {
            throw new IllegalArgumentException("'" + name + "' is not a possible name");
        }
        return escape(name);
    }

    private static String escape(String name) {
        return name.replace(":", "%3A").replace("/", "%2F");
    }

    /** Whether a directory is that of an allowed name. */
    static boolean encoded(String directory) {
        String name = decode(directory);
        return allowed(name) && escape(name).equals(directory);
    }

    static String decode(String directory) {
        return directory.replace("%3A", ":").replace("%2F", "/");
    }
}
