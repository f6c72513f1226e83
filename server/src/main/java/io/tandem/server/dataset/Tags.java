package io.tandem.server.dataset;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a line of a training file says of itself.
 *
 * @param ability what it teaches; losses are reported by it
 * @param control label of the adapter that it is learned on top of
 */
public record Tags(Optional<String> ability, Optional<String> control) {
    /** What a tag may be made of. */
    public static final String ALLOWED = "1 to 64 letters, digits, dots, dashes and underscores";

    private static final Pattern TAG = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

    /** Whether this may be an ability or a control. */
    public static boolean allowed(String tag) {
        return TAG.matcher(tag).matches();
    }
}
