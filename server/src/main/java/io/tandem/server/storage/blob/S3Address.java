package io.tandem.server.storage.blob;

import io.tandem.server.environment.S3Clients;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Where blobs are in a bucket, as {@code s3://bucket/prefix?endpoint=URL&region=NAME&path-style=true}.
 *
 * @param prefix before all keys; empty, or ends with a slash
 * @param place of the store
 */
public record S3Address(String bucket, String prefix, S3Clients.Place place) {
    private static final Pattern BUCKET = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{1,62}");
    private static final String ENDPOINT = "endpoint";
    private static final String REGION = "region";
    private static final String PATH_STYLE = "path-style";

    /** @throws IllegalArgumentException if the address is none */
    public static S3Address of(String address) {
        URI uri;
        try {
            uri = new URI(address);
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException("not an address of a bucket: " + e.getReason(), e);
        }
        String bucket = Optional.ofNullable(uri.getRawAuthority()).orElse("");
        String prefix = Optional.ofNullable(uri.getPath()).orElse("").replaceAll("^/+|/+$", "");
        if (!"s3".equals(uri.getScheme()) || !BUCKET.matcher(bucket).matches() || uri.getRawFragment() != null) {
            throw new IllegalArgumentException("expected s3://BUCKET/PREFIX");
        }
        Map<String, String> options = options(Optional.ofNullable(uri.getRawQuery()));
        S3Clients.Place place = new S3Clients.Place(
                Optional.ofNullable(options.remove(ENDPOINT)).map(S3Address::endpoint),
                Optional.ofNullable(options.remove(REGION)),
                Optional.ofNullable(options.remove(PATH_STYLE)).map(S3Address::flag));
        if (!options.isEmpty()) {
            throw new IllegalArgumentException("of a bucket's options there are " + ENDPOINT + ", " + REGION + " and "
                    + PATH_STYLE + ", not " + options.keySet().iterator().next());
        }
        return new S3Address(bucket, prefix.isEmpty() ? "" : prefix + "/", place);
    }

    private static Map<String, String> options(Optional<String> query) {
        Map<String, String> options = new LinkedHashMap<>();
        query.ifPresent(text -> {
            for (String option : text.split("&", -1)) {
                String[] parts = option.split("=", 2);
                options.put(parts[0], parts.length == 1 ? "" : URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
            }
        });
        return options;
    }

    private static URI endpoint(String url) {
        return S3Clients.address(url)
                .filter(uri -> uri.getRawUserInfo() == null)
                .orElseThrow(() -> new IllegalArgumentException(
                        "the endpoint of a bucket is an address such as http://localhost:9000"));
    }

    private static boolean flag(String text) {
        if (!text.equals("true") && !text.equals("false")) {
            throw new IllegalArgumentException(PATH_STYLE + " of a bucket is true or false");
        }
        return text.equals("true");
    }

    @Override
    public String toString() {
        return "s3://" + bucket + "/" + prefix
                + place.endpoint().map(url -> " at " + url).orElse("");
    }
}
