package io.tandem.server.remote;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where an adapter in PEFT's layout is fetched from: a folder of a hub's repository, or a prefix of an S3 bucket. */
public sealed interface AdapterSource {
    /** What is expected of an address, for messages. */
    String EXPECTED = "hf://OWNER/NAME[@REVISION][/FOLDER] or s3://BUCKET/PREFIX";

    /** @param folder empty for the top of the repository */
    record OnHub(HubName name, String folder) implements AdapterSource {}

    /** @param prefix of the keys, without a slash at its end */
    record InBucket(String bucket, String prefix) implements AdapterSource {}

    /** Whether a text is meant to be an address rather than a path. */
    static boolean isAddress(String text) {
        return text.contains("://");
    }

    /** Empty if nothing can have this address. */
    static Optional<AdapterSource> parse(String address) {
        return address.startsWith("hf://") ? Parsing.onHub(address) : Parsing.inBucket(address);
    }

    /** How addresses are read. */
    final class Parsing {
        private static final int MAX_CHARS = 1024;
        private static final String FOLDER = "[A-Za-z0-9_][A-Za-z0-9_ .-]*";
        private static final Pattern HUB =
                Pattern.compile("hf://([^/@]+/[^/@]+)(?:@([^/]+))?(?:/(" + FOLDER + "(?:/" + FOLDER + ")*))?/?");
        private static final Pattern BUCKET =
                Pattern.compile("s3://([A-Za-z0-9][A-Za-z0-9._-]{1,254})/([^\\x00-\\x1f\\x7f]+?)/?");

        private Parsing() {}

        private static Optional<AdapterSource> onHub(String address) {
            Matcher hub = HUB.matcher(address);
            if (!hub.matches() || address.contains("..") || address.length() > MAX_CHARS) {
                return Optional.empty();
            }
            // As other tools do, a slash of a revision is escaped, since a folder may follow.
            String revision = hub.group(2) == null ? "" : "@" + hub.group(2).replace("%2F", "/");
            String folder = hub.group(3) == null ? "" : hub.group(3);
            return HubName.parse(hub.group(1) + revision).map(name -> new OnHub(name, folder));
        }

        private static Optional<AdapterSource> inBucket(String address) {
            Matcher bucket = BUCKET.matcher(address);
            return bucket.matches() && !address.contains("..") && address.length() <= MAX_CHARS
                    ? Optional.of(new InBucket(bucket.group(1), bucket.group(2)))
                    : Optional.empty();
        }
    }
}
