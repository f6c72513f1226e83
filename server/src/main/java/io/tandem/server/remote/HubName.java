package io.tandem.server.remote;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A repository of a hub at a revision, written {@code owner/name[@revision]}.
 *
 * @param repository {@code owner/name}
 * @param revision a branch, a tag or a commit
 */
public record HubName(String repository, String revision) {
    private static final String MAIN = "main";
    private static final int MAX_CHARS = 96;
    private static final String PART = "[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?";
    private static final Pattern NAME =
            Pattern.compile("(" + PART + "/" + PART + ")(?:@([A-Za-z0-9][A-Za-z0-9._/-]*))?");
    private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

    /** Empty if no repository can have this name. */
    public static Optional<HubName> parse(String text) {
        Matcher name = NAME.matcher(text);
        if (!name.matches() || name.group(1).length() > MAX_CHARS) {
            return Optional.empty();
        }
        String revision = name.group(2) == null ? MAIN : name.group(2);
        // "--" separates owner and name in the cache; the others would be paths.
        boolean plain = !name.group(1).contains("--")
                && !text.contains("..")
                && !revision.contains("//")
                && !revision.endsWith("/")
                && revision.length() <= MAX_CHARS;
        return plain ? Optional.of(new HubName(name.group(1), revision)) : Optional.empty();
    }

    static boolean isCommit(String text) {
        return COMMIT.matcher(text).matches();
    }

    @Override
    public String toString() {
        return revision.equals(MAIN) ? repository : repository + "@" + revision;
    }
}
